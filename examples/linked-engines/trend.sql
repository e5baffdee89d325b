-- Which items are looked at more than they were: clicks of each item in windows of five seconds, beside the minute before.
-- What stands in ${…} comes from the graph: examples/linked-engines/app.ts.
CREATE TABLE clicks (
  item STRING,
  `at` BIGINT,
  clicked_at AS TO_TIMESTAMP_LTZ(`at`, 3),
  WATERMARK FOR clicked_at AS clicked_at - INTERVAL '2' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'linked-shop.session.clicks',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.group.id' = '${group}',
  'properties.isolation.level' = '${isolation}',
  'properties.auto.offset.reset' = 'earliest',
  'scan.startup.mode' = 'group-offsets',
  'value.format' = 'json'
);

CREATE TABLE trends (
  item STRING,
  clicks BIGINT,
  `before` DOUBLE,
  `at` BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = 'linked-shop.trends',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.transaction.timeout.ms' = '900000',
  'sink.delivery-guarantee' = '${guarantee}',
  'sink.transactional-id-prefix' = '${transactionalIdPrefix}',
  'key.format' = 'raw',
  'key.fields' = 'item',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

-- The minute before is twelve windows, those without a click among them.
INSERT INTO trends
SELECT item, clicks, CAST(SUM(clicks) OVER lately - clicks AS DOUBLE) / 12, `at`
FROM (
  SELECT item, window_time, COUNT(*) AS clicks, MAX(`at`) AS `at`
  FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(clicked_at), INTERVAL '5' SECOND))
  GROUP BY item, window_start, window_end, window_time
)
WINDOW lately AS (PARTITION BY item ORDER BY window_time RANGE BETWEEN INTERVAL '60' SECOND PRECEDING AND CURRENT ROW);
