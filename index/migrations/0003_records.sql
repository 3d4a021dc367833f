-- What is shown of posts, apart from what is asked about them: a page of a hashtag is forty posts
-- from all over the table. Here a post costs 32 rows in one piece of a file, where in posts it
-- would cost 256 rows in a piece for each column.
CREATE TABLE records (
  id      UInt64,                                     -- as in posts, version by version
  seq     UInt64,
  deleted UInt8,
  tier    UInt8,
  arrived DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
  record  String CODEC(ZSTD(1))                       -- ingest.Encode of the record without raw bytes; from tier live
) ENGINE = ReplacingMergeTree(seq, deleted)
PARTITION BY toYYYYMM(fromUnixTimestamp64Milli(bitShiftRight(id, 20), 'UTC'))
ORDER BY id
SETTINGS index_granularity = 32, min_bytes_for_wide_part = 1000000000000, min_rows_for_wide_part = 1000000000000,
  min_age_to_force_merge_seconds = 86400, min_age_to_force_merge_on_partition_only = 1;

INSERT INTO records SELECT id, seq, deleted, tier, arrived, record FROM posts SETTINGS max_partitions_per_insert_block = 0;
