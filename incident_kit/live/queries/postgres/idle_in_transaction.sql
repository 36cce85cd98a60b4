-- Which sessions hold a transaction open and do nothing in it?
SELECT
    pid,
    coalesce(usename, '') AS role,
    coalesce(application_name, '') AS application,
    state,
    round(extract(epoch FROM clock_timestamp() - state_change)::numeric, 3) AS idle_s,
    round(extract(epoch FROM clock_timestamp() - xact_start)::numeric, 3) AS transaction_s,
    left(query, 2000) AS last_statement
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND state LIKE 'idle in transaction%'
ORDER BY idle_s DESC, pid
LIMIT 50
