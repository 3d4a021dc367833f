-- One row a version of a post. Only the newest version (highest seq) counts; deleted ones hide the
-- post. An id holds the time of the post's first arrival, so that all versions of a post lie in
-- one partition, whatever its author's dates say.
CREATE TABLE posts (
  id        UInt64,                                        -- snowflake: ms of first arrival << 20 | …
  seq       UInt64,                                        -- of the record, or of the withdrawal, that made the version
  deleted   UInt8,
  tier      UInt8,                                         -- ingest.Tier: what is left of it
  object    FixedString(16),                               -- ingest.HashOf(object URI)
  actor     UInt64,                                        -- status.AccountID(owner's URI)
  domain    LowCardinality(String),                        -- origin host
  local     UInt8,                                         -- written by an account hosted here
  media     UInt8,                                         -- has attachments
  language  LowCardinality(String),
  arrived   DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),    -- time of the record
  published DateTime64(3, 'UTC') CODEC(ZSTD(1)),           -- as its author says, between 1970 and its arrival
  tags      Array(LowCardinality(String)),                 -- folded; from tier stats
  words     String CODEC(ZSTD(1)),                         -- folded words of title, warning and text, a space between; tier search only
  ngrams    String CODEC(ZSTD(1)),                         -- the same where a script has no spaces, else ''
  record    String CODEC(ZSTD(1)),                         -- ingest.Encode of the record without raw bytes; from tier live
  INDEX ix_words words TYPE text(tokenizer = splitByNonAlpha),
  INDEX ix_ngrams ngrams TYPE text(tokenizer = ngrams(2)),
  INDEX ix_tags tags TYPE text(tokenizer = array),
  INDEX ix_object object TYPE bloom_filter(0.01) GRANULARITY 32,
  INDEX ix_actor actor TYPE bloom_filter(0.01) GRANULARITY 32,
  INDEX ix_domain domain TYPE bloom_filter(0.01) GRANULARITY 32
) ENGINE = ReplacingMergeTree(seq, deleted)
PARTITION BY toYYYYMM(fromUnixTimestamp64Milli(bitShiftRight(id, 20), 'UTC'))
ORDER BY id
SETTINGS index_granularity = 256, min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1;

-- One row a version of an author whom a post or an Update showed.
CREATE TABLE authors (
  id       UInt64,                      -- status.AccountID(uri)
  seq      UInt64,
  deleted  UInt8,
  tier     UInt8,                       -- what the author agrees to
  domain   LowCardinality(String),
  username String CODEC(ZSTD(1)),       -- folded
  words    String CODEC(ZSTD(1)),       -- folded words of username, name and domain; tier search only
  author   String CODEC(ZSTD(1)),       -- ingest.Encode of a record that holds the author
  INDEX ix_username username TYPE bloom_filter(0.01) GRANULARITY 4
) ENGINE = ReplacingMergeTree(seq, deleted)
ORDER BY id
SETTINGS index_granularity = 1024;

-- What the log lost before it was read.
CREATE TABLE gaps (
  name     LowCardinality(String),
  from_seq UInt64,
  to_seq   UInt64,
  at       DateTime('UTC')
) ENGINE = ReplacingMergeTree
ORDER BY (from_seq, to_seq, name);
