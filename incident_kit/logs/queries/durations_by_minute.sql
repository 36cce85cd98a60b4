-- Timed requests of customers between two times, per minute from the first time on: how many and how long together, of all and without the slowest hundredth; streams and probes left out
WITH
    asked AS (
        SELECT (epoch_us(ts) - epoch_us($since::TIMESTAMP)) // 60000000 AS minute, duration_us, row_number() OVER (ORDER BY duration_us DESC, ts, item, line) AS place, count(*) OVER () AS together
        FROM requests
        WHERE NOT streaming AND NOT regexp_matches(coalesce(route, ''), $probes)
            AND ts >= $since AND ts < $until
            AND ($route = '' OR route = $route)
            AND duration_us IS NOT NULL
    )
SELECT
    minute,
    count(*) AS n,
    sum(duration_us)::BIGINT AS total_us,
    count(*) FILTER (place > ceil(together / 100.0)) AS n_of_most,
    coalesce(sum(duration_us) FILTER (place > ceil(together / 100.0)), 0)::BIGINT AS total_us_of_most
FROM asked
GROUP BY minute
ORDER BY minute
