-- relay: how a subscriber takes posts, what it may do, and our own Follow of it (LitePub).
ALTER TABLE subscribers ADD COLUMN style SMALLINT NOT NULL DEFAULT 0;      -- delivery.Style
ALTER TABLE subscribers ADD COLUMN role TEXT NOT NULL DEFAULT 'both';      -- relay.Role
ALTER TABLE subscribers ADD COLUMN back TEXT NOT NULL DEFAULT '';          -- id of our Follow, '' if there is none
ALTER TABLE subscribers ADD COLUMN back_state TEXT NOT NULL DEFAULT '';    -- pending, accepted, rejected

-- relay: who need not be approved, and who alone may subscribe where the mode says so.
CREATE TABLE allowed (
  domain     TEXT   NOT NULL PRIMARY KEY, -- with its subdomains
  note       TEXT   NOT NULL,
  created_at BIGINT NOT NULL
);
