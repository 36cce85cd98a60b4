-- The first requests that were answered with certain statuses, on certain routes (all of them if none is named)
SELECT item, line, ts, route, status, client
FROM requests
WHERE NOT streaming
    AND ts >= $since AND ts < $until
    AND (len($routes) = 0 OR list_contains($routes, route))
    AND list_contains($statuses, status)
ORDER BY ts, item, line
LIMIT 5
