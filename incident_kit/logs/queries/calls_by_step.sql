-- Timed calls to outside systems per step of time, counted from a given time on, by dependency
SELECT
    (epoch_us(ts) - epoch_us($first::TIMESTAMP)) // $step_us AS step,
    dependency AS name,
    count(*) AS n,
    count(*) FILTER (failed) AS bad,
    coalesce(sum(duration_us), 0)::BIGINT AS total_us,
    count(duration_us) AS timed
FROM calls
GROUP BY step, name
ORDER BY name, step
