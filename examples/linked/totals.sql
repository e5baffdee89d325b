-- Clicks of each shopper so far. A row is about its key: one of each in a batch.
SELECT key, to_json(named_struct('count', count(*))) AS value
FROM modes_clicks
GROUP BY key
