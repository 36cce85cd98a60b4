-- Sign-ins per second: how many, and how many of them were refused
SELECT
    make_timestamp(epoch_us(ts) // 1000000 * 1000000) AS start,
    count(*) AS n,
    count(*) FILTER (status IN (400, 401, 403)) AS refused,
    min(ts) FILTER (status IN (400, 401, 403)) AS first,
    max(ts) FILTER (status IN (400, 401, 403)) AS last
FROM requests
WHERE status IS NOT NULL AND list_contains($routes, route)
GROUP BY start
ORDER BY start
