-- Requests that failed, were aborted or took longer than a limit, first started first; streams left out
SELECT item, line, ts, make_timestamp(epoch_us(ts) - coalesce(duration_us, 0)) AS started, route, status, duration_us, request_id
FROM requests
WHERE NOT streaming
    AND ts >= $since AND ts < $until
    AND (len($routes) = 0 OR list_contains($routes, route))
    AND (($faults AND (failed OR aborted)) OR coalesce(duration_us > $limit_us, false))
ORDER BY started, item, line
