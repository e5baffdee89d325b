-- A Flink task of a Millrace graph: how many clicks each shopper has made so far, written once for each click.
-- What stands in ${…} comes from the graph: examples/linked/flink.ts.
CREATE TABLE clean (
  shopper STRING,
  id STRING,
  seq BIGINT,
  arrived AS PROCTIME()
) WITH (
  'connector' = 'kafka',
  'topic' = 'linked.clean',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.group.id' = '${group}',
  'properties.isolation.level' = '${isolation}',
  'properties.auto.offset.reset' = 'earliest',
  'scan.startup.mode' = 'group-offsets',
  'key.format' = 'raw',
  'key.fields' = 'shopper',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

CREATE TABLE counted (
  shopper STRING,
  id STRING,
  seq BIGINT,
  `count` BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = 'linked.counted',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.transaction.timeout.ms' = '900000',
  'sink.delivery-guarantee' = '${guarantee}',
  'sink.transactional-id-prefix' = '${transactionalIdPrefix}',
  'key.format' = 'raw',
  'key.fields' = 'shopper',
  'value.format' = 'json',
  'value.fields-include' = 'EXCEPT_KEY'
);

INSERT INTO counted
SELECT
  shopper,
  id,
  seq,
  COUNT(*) OVER (PARTITION BY shopper ORDER BY arrived ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
FROM clean;
