-- Calls to outside systems per bucket of time: how many, how many failed, how long they took; by dependency
SELECT
    make_timestamp(epoch_us(ts) // $bucket_us * $bucket_us) AS start,
    dependency AS name,
    count(*) AS n,
    count(*) FILTER (failed) AS failed,
    0 AS aborted,
    0 AS refused,
    coalesce(sum(duration_us), 0)::BIGINT AS total_us,
    count(duration_us) AS timed,
    -- It keeps every duration until the end: four bytes each, which hold 71 minutes, are half of the memory.
    quantile_disc(least(duration_us, 4294967295)::UINTEGER, [0.5, 0.95, 0.99]) AS quantiles_us
FROM calls
GROUP BY start, name
ORDER BY start, name
