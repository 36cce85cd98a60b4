-- Finished requests: one row each, streams too; how long each took as its own record says it
SELECT
    * EXCLUDE (duration_us),
    request_us AS duration_us,
    coalesce(status >= 500, false) AS failed,
    coalesce(status BETWEEN 400 AND 498, false) AS refused  -- 499 is nginx' word for aborted
FROM records
WHERE is_request AND ts IS NOT NULL
