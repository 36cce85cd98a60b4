-- Requests before and after a change, over all and by route, host, process and client: how many, how many were affected, how long they took; streams left out
WITH
    usual AS (
        SELECT route, quantile_disc(duration_us, 0.95) AS limit_us
        FROM requests
        WHERE NOT streaming AND ts >= $normal_since AND ts < $normal_until
        GROUP BY route
    ),
    finished AS (
        SELECT
            route, host, pid, client, duration_us, failed OR aborted AS bad,
            failed OR aborted OR ($slow AND coalesce(duration_us > limit_us, false)) AS affected,
            make_timestamp(epoch_us(ts) - coalesce(duration_us, 0)) AS started
        FROM requests LEFT JOIN usual USING (route)
        WHERE NOT streaming
    ),
    sides AS (
        SELECT *, started >= $since AND started < $until AS later
        FROM finished
        WHERE (started >= $normal_since AND started < $normal_until) OR (started >= $since AND started < $until)
    )
SELECT
    CASE grouping(route, host, pid, client) WHEN 7 THEN 'route' WHEN 11 THEN 'host' WHEN 9 THEN 'process' WHEN 14 THEN 'client' ELSE 'all' END AS kind,
    CASE grouping(route, host, pid, client) WHEN 7 THEN route WHEN 11 THEN host WHEN 9 THEN nullif(concat_ws(' ', host, 'pid ' || pid), '') WHEN 14 THEN client ELSE '' END AS name,
    count(*) FILTER (NOT later) AS n_before,
    count(*) FILTER (NOT later AND affected) AS affected_before,
    count(*) FILTER (NOT later AND bad) AS bad_before,
    quantile_disc(duration_us, 0.5) FILTER (NOT later) AS median_us_before,
    count(*) FILTER (later) AS n_after,
    count(*) FILTER (later AND affected) AS affected_after,
    count(*) FILTER (later AND bad) AS bad_after,
    quantile_disc(duration_us, 0.5) FILTER (later) AS median_us_after
FROM sides
GROUP BY GROUPING SETS ((), (route), (host), (host, pid), (client))
HAVING name IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY kind ORDER BY affected_after DESC, n_after DESC, name) <= 200
ORDER BY kind, affected_after DESC, n_after DESC, name
