-- Calls to outside systems between given times, by when they were made: by dependency
SELECT
    list_max(list_filter($edges::TIMESTAMP[], lambda edge: epoch_us(edge) <= started_us)) AS start,
    dependency AS name,
    count(*) AS n,
    count(*) FILTER (failed) AS failed,
    0 AS aborted,
    0 AS refused,
    coalesce(sum(duration_us), 0)::BIGINT AS total_us,
    count(duration_us) AS timed,
    quantile_disc(least(duration_us, 4294967295)::UINTEGER, [0.5, 0.95, 0.99]) AS quantiles_us
FROM (SELECT *, greatest(epoch_us(ts) - duration_us, epoch_us($edges[1]::TIMESTAMP)) AS started_us FROM calls)
GROUP BY start, name
ORDER BY start, name
