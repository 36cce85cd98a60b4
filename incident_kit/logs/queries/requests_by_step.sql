-- Requests of customers per step of time, counted from the first of them and never by the clock: over all routes (route is null) and by route; streams and probes left out
WITH
    asked AS (
        SELECT ts, coalesce(route, '') AS route, failed, aborted, refused, duration_us
        FROM requests
        WHERE NOT streaming AND NOT regexp_matches(coalesce(route, ''), $probes)
    ),
    stepped AS (
        SELECT *, (epoch_us(ts) - (SELECT min(epoch_us(ts)) FROM asked)) // $step_us AS step
        FROM asked
    )
SELECT
    step,
    route AS name,
    count(*) AS n,
    count(*) FILTER (failed OR aborted) AS bad,
    count(*) FILTER (refused) AS refused,
    coalesce(sum(duration_us), 0)::BIGINT AS total_us,
    count(duration_us) AS timed
FROM stepped
GROUP BY GROUPING SETS ((step), (step, route))
ORDER BY name NULLS FIRST, step
