-- Requests between given times, by when they were asked: over all routes (name is null) and by route; streams left out
SELECT
    list_max(list_filter($edges::TIMESTAMP[], lambda edge: epoch_us(edge) <= started_us)) AS start,
    route AS name,
    count(*) AS n,
    count(*) FILTER (failed) AS failed,
    count(*) FILTER (aborted) AS aborted,
    count(*) FILTER (refused) AS refused,
    coalesce(sum(duration_us), 0)::BIGINT AS total_us,
    count(duration_us) AS timed,
    quantile_disc(least(duration_us, 4294967295)::UINTEGER, [0.5, 0.95, 0.99]) AS quantiles_us
FROM (SELECT *, greatest(epoch_us(ts) - coalesce(duration_us, 0), epoch_us($edges[1]::TIMESTAMP)) AS started_us FROM requests WHERE NOT streaming)
GROUP BY GROUPING SETS ((1), (1, 2))
ORDER BY start, name NULLS FIRST
