-- How many finished requests there are, and between which times; streams left out
SELECT count(*) AS n, min(ts) AS first, max(ts) AS last
FROM requests
WHERE NOT streaming
