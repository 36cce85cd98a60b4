-- Requests that a change affected: they failed, were aborted or were slower than nearly all of their route had been; of how many, of how many clients and users, the first and the last; streams left out
WITH
    usual AS (
        SELECT route, quantile_disc(duration_us, $quantile) AS limit_us
        FROM requests
        WHERE NOT streaming AND ts >= $normal_since AND ts < $normal_until
        GROUP BY route
    ),
    asked AS (
        SELECT
            item, line, ts, client, "user",
            epoch_us(ts) - coalesce(duration_us, 0) AS started_us,
            failed OR aborted OR ($slow AND coalesce(duration_us > limit_us, false)) AS affected
        FROM requests LEFT JOIN usual USING (route)
        WHERE NOT streaming AND ($every_route OR list_contains($routes, route))
    )
SELECT
    count(*) AS n,
    count(*) FILTER (affected) AS affected,
    count(DISTINCT client) FILTER (affected) AS clients,
    count(DISTINCT "user") FILTER (affected) AS users,
    min({'at': started_us, 'item': item, 'line': line}, 3) FILTER (affected) AS first,
    max({'at': epoch_us(ts), 'item': item, 'line': line}, 2) FILTER (affected) AS last
FROM asked
WHERE started_us >= epoch_us($since::TIMESTAMP) AND started_us < epoch_us($until::TIMESTAMP)
