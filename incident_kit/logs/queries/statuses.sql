-- Finished requests per minute, route and status (null: aborted); streams left out
SELECT
    make_timestamp(epoch_us(ts) // 60000000 * 60000000) AS start,
    coalesce(route, '') AS route,
    CASE WHEN NOT aborted THEN status END AS status,
    count(*) AS n,
    min(ts) AS first,
    max(ts) AS last
FROM requests
WHERE NOT streaming
GROUP BY ALL
ORDER BY start, route, status NULLS FIRST
