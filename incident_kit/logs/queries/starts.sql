-- Starts of the application
SELECT item, line, ts, coalesce(host, '') AS host, pid
FROM records
WHERE message = 'Nest application successfully started' AND ts IS NOT NULL
ORDER BY ts, item, line
