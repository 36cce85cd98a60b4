-- Requests per second of their start: how many, and how many failed, were aborted or were slower than nearly all of their route had been; streams left out
WITH
    usual AS (
        SELECT route, quantile_disc(duration_us, $quantile) AS limit_us
        FROM requests
        WHERE NOT streaming AND ts >= $normal_since AND ts < $normal_until
        GROUP BY route
    ),
    finished AS (
        SELECT ts, epoch_us(ts) - coalesce(duration_us, 0) AS started_us, failed OR aborted OR ($slow AND coalesce(duration_us > limit_us, false)) AS affected
        FROM requests LEFT JOIN usual USING (route)
        WHERE NOT streaming AND ($every_route OR list_contains($routes, route))
    )
SELECT
    make_timestamp(started_us // 1000000 * 1000000) AS start,
    count(*) AS n,
    count(*) FILTER (affected) AS affected,
    make_timestamp(min(started_us) FILTER (affected)) AS first_started,
    max(ts) FILTER (affected) AS last_ended
FROM finished
WHERE started_us >= epoch_us($since::TIMESTAMP) AND started_us < epoch_us($until::TIMESTAMP)
GROUP BY start
ORDER BY start
