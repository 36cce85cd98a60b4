-- What was read of some lines: time, level, message, and of a request its route, status and duration
SELECT item, line, class, ts, level, message, route, status, coalesce(request_us, duration_us) AS duration_us
FROM lines
WHERE list_contains($numbers, line) AND list_contains($items, item)
ORDER BY item, line
