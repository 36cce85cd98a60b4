-- Requests of customers per step of time, over all routes (route is null) and by route, and how many of them were refused with one of these statuses (any 4xx, if none is named); streams and probes left out
WITH
    asked AS (
        SELECT
            (epoch_us(ts) - epoch_us($first::TIMESTAMP)) // $step_us AS step,
            coalesce(route, '') AS route,
            CASE WHEN len($statuses) = 0 THEN refused ELSE coalesce(list_contains($statuses, status), false) END AS refused
        FROM requests
        WHERE NOT streaming AND NOT regexp_matches(coalesce(route, ''), $probes)
    )
SELECT
    step,
    CASE WHEN grouping(route) = 0 THEN route END AS name,
    count(*) AS n,
    count(*) FILTER (refused) AS bad,
    0 AS total_us,
    0 AS timed
FROM asked
GROUP BY GROUPING SETS ((step), (step, route))
ORDER BY name NULLS FIRST, step
