-- Requests of customers that were refused (4xx) per step of time, by status and route, with all requests of that route; streams and probes left out
WITH
    asked AS (
        SELECT
            (epoch_us(ts) - epoch_us($first::TIMESTAMP)) // $step_us AS step,
            coalesce(route, '') AS route, status, refused
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
