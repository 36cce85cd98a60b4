-- Requests of customers per client and step of time, of those clients of whom some requests were bad; streams and probes left out
WITH
    asked AS (
        SELECT ts, client, failed OR aborted AS bad, duration_us
        FROM requests
        WHERE NOT streaming AND client IS NOT NULL AND NOT regexp_matches(coalesce(route, ''), $probes)
    ),
    unwell AS (
        SELECT client
        FROM asked
        GROUP BY client
        HAVING count(*) FILTER (bad) >= 5
        ORDER BY count(*) FILTER (bad) DESC, client
        LIMIT 200
    )
SELECT
    (epoch_us(ts) - epoch_us($first::TIMESTAMP)) // $step_us AS step,
    client AS name,
    count(*) AS n,
    count(*) FILTER (bad) AS bad,
    coalesce(sum(duration_us), 0)::BIGINT AS total_us,
    count(duration_us) AS timed
FROM asked
WHERE client IN (SELECT client FROM unwell)
GROUP BY step, name
ORDER BY name, step
