-- Uses and authors of a hashtag by hour of the posts' first arrival. The states are sets: a post
-- that is inserted again changes nothing. A post that goes away leaves its trace until its hour,
-- which is queued in touched, is computed again and replaces the partition in one step.
CREATE TABLE tag_hours (
  hour    DateTime('UTC'),
  tag     String CODEC(ZSTD(1)),
  posts   AggregateFunction(uniq, UInt64),
  authors AggregateFunction(uniq, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toUInt32(hour)
ORDER BY (hour, tag)
TTL hour + INTERVAL 9 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE TABLE tag_hours_again AS tag_hours;

CREATE MATERIALIZED VIEW tag_hours_view TO tag_hours AS
SELECT toStartOfHour(toDateTime(intDiv(bitShiftRight(id, 20), 1000), 'UTC')) AS hour, arrayJoin(tags) AS tag,
  uniqState(id) AS posts, uniqState(actor) AS authors
FROM posts WHERE deleted = 0 AND tier >= 2
GROUP BY hour, tag;

-- Hours to compute again; count tells the newest row of an hour.
CREATE TABLE touched (
  hour    DateTime('UTC'),
  count   UInt64,
  pending UInt8
) ENGINE = ReplacingMergeTree(count)
ORDER BY hour
TTL hour + INTERVAL 10 DAY;
