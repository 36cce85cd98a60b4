-- Which statements have been running for longer than a second?
SELECT
    pid,
    coalesce(usename, '') AS role,
    coalesce(application_name, '') AS application,
    round(extract(epoch FROM clock_timestamp() - query_start)::numeric, 3) AS running_s,
    round(extract(epoch FROM clock_timestamp() - xact_start)::numeric, 3) AS transaction_s,
    wait_event_type,
    wait_event,
    left(query, 2000) AS statement
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()
    AND query_start < clock_timestamp() - interval '1 second'
ORDER BY running_s DESC, pid
LIMIT 50
