-- Requests, errors and durations per bucket of time, of which one begins at `first`: over all routes (route is null) and by route; streams left out
SELECT
    make_timestamp(epoch_us($first::TIMESTAMP) + (epoch_us(ts) - epoch_us($first::TIMESTAMP)) // $bucket_us * $bucket_us) AS start,
    route AS name,
    count(*) AS n,
    count(*) FILTER (failed) AS failed,
    count(*) FILTER (aborted) AS aborted,
    count(*) FILTER (refused) AS refused,
    coalesce(sum(duration_us), 0)::BIGINT AS total_us,
    count(duration_us) AS timed,
    -- It keeps every duration until the end: four bytes each, which hold 71 minutes, are half of the memory.
    quantile_disc(least(duration_us, 4294967295)::UINTEGER, [0.5, 0.95, 0.99]) AS quantiles_us
FROM requests
WHERE NOT streaming
GROUP BY GROUPING SETS ((1), (1, 2))
ORDER BY start, name NULLS FIRST
