-- relay: what servers may give, where that differs from what the configuration says of all.
CREATE TABLE limits (
  domain           TEXT   NOT NULL PRIMARY KEY, -- with its subdomains
  posts_per_minute BIGINT NOT NULL,             -- of each server; 0: no limit, -1: as all
  body_max         BIGINT NOT NULL,             -- bytes; -1: as all
  note             TEXT   NOT NULL,
  created_at       BIGINT NOT NULL
);
