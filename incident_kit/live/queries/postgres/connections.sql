-- Who is connected, in which state, and for how long at most?
SELECT
    coalesce(datname, '') AS database,
    coalesce(usename, '') AS role,
    coalesce(application_name, '') AS application,
    coalesce(host(client_addr), '') AS client,
    coalesce(state, 'not visible') AS state,
    count(*) AS connections,
    greatest(0, round(extract(epoch FROM max(clock_timestamp() - state_change))::numeric, 3)) AS longest_in_state_s,
    greatest(0, round(extract(epoch FROM max(clock_timestamp() - backend_start))::numeric, 3)) AS oldest_s
FROM pg_stat_activity
WHERE backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT NULL)  -- hidden without pg_monitor
GROUP BY 1, 2, 3, 4, 5
ORDER BY connections DESC, 1, 2, 3, 4, 5
LIMIT 200
