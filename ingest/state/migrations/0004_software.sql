-- relay: what the servers of subscribers run, by their own word (NodeInfo).
CREATE TABLE software (
  host       TEXT   NOT NULL PRIMARY KEY, -- subscribers.host
  name       TEXT   NOT NULL,             -- '' until it is known
  version    TEXT   NOT NULL,
  checked_at BIGINT NOT NULL,             -- when it last answered, ms; 0: never
  next_at    BIGINT NOT NULL,             -- when it is asked again
  failures   BIGINT NOT NULL,             -- in a row
  last_error TEXT   NOT NULL
);
