-- The three shoppers with the most clicks. Order and LIMIT are for a whole table: output mode `complete`.
SELECT key, to_json(named_struct('count', count(*))) AS value
FROM modes_clicks
GROUP BY key
ORDER BY count(*) DESC, key
LIMIT 3
