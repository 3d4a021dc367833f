-- One text for SQLite and PostgreSQL: BYTEA (SQLite keeps blobs as they are), BIGINT
-- (milliseconds since 1970, seqs, ids), SMALLINT for small numbers and booleans, $n in queries,
-- ON CONFLICT for upserts, no autoincrement; no order by text where it matters (each database has
-- its own), no key longer than 2,600 bytes. A "hash" is the first 16 bytes of SHA-256 of a URI.

-- ingest: the state cursor's fold over the log.
CREATE TABLE objects (
  hash      BYTEA    NOT NULL PRIMARY KEY,
  id        BIGINT   NOT NULL, -- snowflake
  seq       BIGINT   NOT NULL, -- newest record about it
  owner     BYTEA    NOT NULL, -- hash of the owner's URI
  tier      SMALLINT NOT NULL,
  granted   SMALLINT NOT NULL,
  version   BIGINT   NOT NULL, -- ms
  content   BIGINT   NOT NULL,
  tombstone SMALLINT NOT NULL
);
CREATE INDEX objects_seq ON objects (seq);

CREATE TABLE authors (
  hash BYTEA    NOT NULL PRIMARY KEY,
  uri  TEXT     NOT NULL,
  tier SMALLINT NOT NULL, -- highest tier that the author agrees to
  gone SMALLINT NOT NULL, -- deleted: a tombstone
  seq  BIGINT   NOT NULL
);

CREATE TABLE withdrawn (
  scope SMALLINT NOT NULL, -- ingest.Scope
  hash  BYTEA    NOT NULL, -- of the key
  tier  SMALLINT NOT NULL, -- highest tier left
  seq   BIGINT   NOT NULL, -- records before it are covered
  version BIGINT NOT NULL, -- ms, when it was decided
  PRIMARY KEY (scope, hash)
);
CREATE INDEX withdrawn_seq ON withdrawn (seq);

-- What the repeat window said of records whose bytes alone do not tell it; cold readers apply it.
CREATE TABLE corrections (
  seq       BIGINT   NOT NULL PRIMARY KEY,
  dropped   SMALLINT NOT NULL,
  kind      SMALLINT NOT NULL,
  id        BIGINT   NOT NULL,
  tier      SMALLINT NOT NULL,
  granted   SMALLINT NOT NULL,
  prev_tier SMALLINT NOT NULL,
  prev_granted SMALLINT NOT NULL
);

CREATE TABLE cursors (
  name        TEXT   NOT NULL PRIMARY KEY, -- "state", later "index"
  seq         BIGINT NOT NULL,             -- last one handled
  updated_at  BIGINT NOT NULL
);

-- seq = base + offset from start_offset on.
CREATE TABLE epochs (
  start_offset BIGINT NOT NULL PRIMARY KEY,
  base         BIGINT NOT NULL,
  reason       TEXT   NOT NULL,
  created_at   BIGINT NOT NULL
);

-- Fingerprints of the newest records that were read, 8 bytes each, one row a batch of the state
-- cursor: they tell where a log that was shortened and grew again differs from the one we knew.
CREATE TABLE marks (
  first_seq    BIGINT NOT NULL PRIMARY KEY,
  first_offset BIGINT NOT NULL,
  fingerprints BYTEA  NOT NULL
);

CREATE TABLE settings (
  name  TEXT   NOT NULL PRIMARY KEY, -- "ceiling": no seq at or above it was ever shown
  value BIGINT NOT NULL
);

CREATE TABLE leases (
  name       TEXT   NOT NULL PRIMARY KEY, -- "state", "lanes/3" …
  node       TEXT   NOT NULL,
  generation BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

-- ingest: admission.
CREATE TABLE signatures (
  hash       BYTEA  NOT NULL PRIMARY KEY, -- of the signature's bytes
  expires_at BIGINT NOT NULL
);
CREATE INDEX signatures_expires ON signatures (expires_at);

CREATE TABLE fetches (
  hash       BYTEA    NOT NULL PRIMARY KEY, -- of uri
  uri        TEXT     NOT NULL,
  host       TEXT     NOT NULL, -- origin host, lower case, with port
  granted    SMALLINT NOT NULL,
  giver      TEXT     NOT NULL,
  attempts   BIGINT   NOT NULL,
  next_at    BIGINT   NOT NULL,
  created_at BIGINT   NOT NULL,
  last_error TEXT     NOT NULL
);
CREATE INDEX fetches_due ON fetches (host, next_at);

-- ingest/remote: actors and keys of others.
CREATE TABLE actors (
  hash       BYTEA    NOT NULL PRIMARY KEY,
  uri        TEXT     NOT NULL,
  document   BYTEA    NOT NULL,
  gone       SMALLINT NOT NULL,
  fetched_at BIGINT   NOT NULL
);
CREATE INDEX actors_fetched ON actors (fetched_at);

-- ingest/token
CREATE TABLE tokens (
  hash       BYTEA  NOT NULL PRIMARY KEY, -- SHA-256 of the token
  id         TEXT   NOT NULL UNIQUE,      -- short public name, for lists and revocation
  name       TEXT   NOT NULL,
  scopes     TEXT   NOT NULL,             -- space-separated
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,             -- 0: never
  used_at    BIGINT NOT NULL
);

-- relay
CREATE TABLE keys (
  actor      TEXT   NOT NULL PRIMARY KEY, -- our actor's URI
  private    TEXT   NOT NULL,             -- PKCS#8 PEM
  created_at BIGINT NOT NULL
);

CREATE TABLE subscribers (
  actor      TEXT   NOT NULL PRIMARY KEY, -- who follows us
  host       TEXT   NOT NULL,
  inbox      TEXT   NOT NULL,             -- where answers to it go
  delivery   TEXT   NOT NULL,             -- sharedInbox, else inbox: its lane
  follow     TEXT   NOT NULL,             -- id of the Follow
  object     TEXT   NOT NULL,             -- what it followed, as it was written
  state      TEXT   NOT NULL,             -- accepted, pending, rejected
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX subscribers_host ON subscribers (host);
CREATE INDEX subscribers_delivery ON subscribers (delivery);

CREATE TABLE blocks (
  scope      SMALLINT NOT NULL, -- ingest.Scope: actor or domain
  key        TEXT     NOT NULL,
  reason     TEXT     NOT NULL, -- public
  note       TEXT     NOT NULL, -- the operator's own
  created_at BIGINT   NOT NULL,
  PRIMARY KEY (scope, key)
);

-- relay/delivery
CREATE TABLE lanes (
  inbox        TEXT   NOT NULL PRIMARY KEY,
  host         TEXT   NOT NULL,
  position     BIGINT NOT NULL, -- lowest seq not yet settled
  generation   BIGINT NOT NULL, -- of the lease that may write it
  delivered    BIGINT NOT NULL, -- records answered 2xx
  given_up     BIGINT NOT NULL, -- records judged by a 4xx
  last_success BIGINT NOT NULL, -- ms, 0 never
  last_failure BIGINT NOT NULL,
  last_error   TEXT   NOT NULL, -- of the last failure: status and the first bytes of the answer
  failing_since BIGINT NOT NULL -- 0: not failing
);

CREATE TABLE outbox (
  id         BIGINT   NOT NULL PRIMARY KEY, -- time-ordered, made by the writer
  host       TEXT     NOT NULL,
  inbox      TEXT     NOT NULL,
  actor      TEXT     NOT NULL, -- which of our actors signs
  body       BYTEA    NOT NULL,
  attempts   BIGINT   NOT NULL,
  next_at    BIGINT   NOT NULL,
  created_at BIGINT   NOT NULL,
  last_error TEXT     NOT NULL
);
CREATE INDEX outbox_due ON outbox (host, next_at);
CREATE INDEX outbox_inbox ON outbox (inbox, id); -- which row of an inbox is its first
