-- Finished requests: one row each, streams too
SELECT
    *,
    coalesce(status >= 500, false) AS failed,
    coalesce(status BETWEEN 400 AND 499, false) AS refused
FROM records
WHERE is_request AND ts IS NOT NULL
