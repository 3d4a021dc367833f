-- relay: block-lists of others that the operator subscribed to.
CREATE TABLE block_lists (
  url        TEXT     NOT NULL PRIMARY KEY, -- at most 1,024 bytes
  reason     TEXT     NOT NULL,             -- public, for domains to which the list gives none
  silenced   SMALLINT NOT NULL,             -- block those too that it silences only
  every_ms   BIGINT   NOT NULL,
  etag       TEXT     NOT NULL,             -- of the list that is applied
  modified   TEXT     NOT NULL,
  domains    BIGINT   NOT NULL,             -- of it
  added      BIGINT   NOT NULL,             -- by its last change
  removed    BIGINT   NOT NULL,
  changed_at BIGINT   NOT NULL,             -- of its last change: the version of its rows in listed
  checked_at BIGINT   NOT NULL,             -- when it was last had and found in order, ms
  next_at    BIGINT   NOT NULL,
  failures   BIGINT   NOT NULL,             -- in a row
  last_error TEXT     NOT NULL,
  created_at BIGINT   NOT NULL
);

-- What they block, beside the operator's own table blocks. A domain is blocked as long as one of
-- them has it.
CREATE TABLE listed (
  list       TEXT     NOT NULL, -- block_lists.url
  domain     TEXT     NOT NULL, -- as blocks.key
  reason     TEXT     NOT NULL,
  withdrawn  SMALLINT NOT NULL, -- what was here of it when it came
  created_at BIGINT   NOT NULL,
  PRIMARY KEY (list, domain)
);
