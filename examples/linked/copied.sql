-- Each click as it is. Its coordinates are its id.
SELECT key, value, concat(partition, '-', offset) AS row_id
FROM modes_clicks
