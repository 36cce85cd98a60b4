-- The times of the first and the last dated record
SELECT min(ts) AS first, max(ts) AS last
FROM records
