-- Calls to outside systems that were timed: one row each
SELECT *, severity >= 50 AS failed
FROM records
WHERE NOT is_request AND dependency IS NOT NULL AND duration_us IS NOT NULL AND ts IS NOT NULL
