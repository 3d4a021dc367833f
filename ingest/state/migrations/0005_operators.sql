-- relay/delivery: since when an inbox takes nothing, and since when the relay leaves it alone.
ALTER TABLE lanes ADD COLUMN waiting_since BIGINT NOT NULL DEFAULT 0; -- ms, when the record at position entered the log; 0: nothing waits, or it is not known
ALTER TABLE lanes ADD COLUMN untaken_since BIGINT NOT NULL DEFAULT 0; -- ms of the time in which it was asked; 0: the last answer was 2xx
ALTER TABLE lanes ADD COLUMN gone_since BIGINT NOT NULL DEFAULT 0;    -- since when it answers 404 or 410 to everything; 0: it does not
ALTER TABLE lanes ADD COLUMN paused_at BIGINT NOT NULL DEFAULT 0;     -- by the relay; 0: it is not

-- ingest: how many posts stand at each tier, by the hour in which they came or moved there. The state cursor's.
CREATE TABLE tiers (
  hour  BIGINT   NOT NULL, -- ms since 1970 of its begin; 0: ever
  tier  SMALLINT NOT NULL,
  posts BIGINT   NOT NULL, -- below 0 in an hour that more left than came to
  PRIMARY KEY (hour, tier)
);
