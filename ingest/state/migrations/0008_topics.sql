-- relay: an actor may subscribe to topics beside, or instead of, all that passes. No statement
-- changes a primary key in both databases, so the table is made anew.
CREATE TABLE subscriptions (
  actor      TEXT     NOT NULL, -- who follows one of our actors
  topic      TEXT     NOT NULL DEFAULT '', -- delivery.Topic, '' for all that passes
  host       TEXT     NOT NULL,
  inbox      TEXT     NOT NULL, -- where answers to it go
  delivery   TEXT     NOT NULL, -- sharedInbox, else inbox: its lane
  follow     TEXT     NOT NULL, -- id of the Follow
  object     TEXT     NOT NULL, -- what it followed, as it was written
  state      TEXT     NOT NULL, -- accepted, pending, rejected, left
  style      SMALLINT NOT NULL DEFAULT 0,      -- delivery.Style
  role       TEXT     NOT NULL DEFAULT 'both', -- relay.Role
  back       TEXT     NOT NULL DEFAULT '',     -- id of our Follow, '' if there is none
  back_state TEXT     NOT NULL DEFAULT '',     -- pending, accepted, rejected
  filter     TEXT     NOT NULL DEFAULT '',     -- delivery.Filter as JSON; '' wants all
  created_at BIGINT   NOT NULL,
  updated_at BIGINT   NOT NULL,
  PRIMARY KEY (actor, topic)
);
INSERT INTO subscriptions (actor, topic, host, inbox, delivery, follow, object, state, style, role, back, back_state, filter, created_at, updated_at)
  SELECT actor, '', host, inbox, delivery, follow, object, state, style, role, back, back_state, filter, created_at, updated_at FROM subscribers;
DROP TABLE subscribers;
ALTER TABLE subscriptions RENAME TO subscribers;
CREATE INDEX subscribers_host ON subscribers (host);
CREATE INDEX subscribers_delivery ON subscribers (delivery);
