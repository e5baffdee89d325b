-- Clicks of each shopper in ten seconds of event time, once, when the watermark has passed their end.
-- Several windows of a shopper may close in one batch: row_id says which row is which.
CREATE OR REPLACE TEMPORARY VIEW windowed AS
SELECT key, window(timestamp, '10 seconds') AS span, count(*) AS clicks
FROM modes_clicks
GROUP BY key, window(timestamp, '10 seconds');

SELECT
  key,
  to_json(named_struct('from', unix_millis(span.start), 'count', clicks)) AS value,
  concat(key, '@', unix_millis(span.start)) AS row_id
FROM windowed
