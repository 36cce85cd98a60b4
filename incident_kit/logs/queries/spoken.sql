-- How many records are there, how many of them are more than the completion of a request, and between which times
SELECT count(*) AS records, count(*) FILTER (NOT is_request) AS spoken, min(ts) AS first, max(ts) AS last
FROM records
WHERE ts IS NOT NULL
