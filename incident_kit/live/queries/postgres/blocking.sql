-- Who waits for whom?
-- pg_blocking_pids holds up the lock manager for a moment. So it is called once for each session that waits for a lock,
-- and not for others.
WITH waiting AS MATERIALIZED (
    SELECT pid, pg_blocking_pids(pid) AS blocked_by
    FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()
),
involved AS (
    SELECT pid FROM waiting
    UNION
    SELECT unnest(blocked_by) FROM waiting
)
SELECT
    involved.pid,  -- 0 stands for a prepared transaction
    coalesce(waiting.blocked_by, '{}') AS blocked_by,
    (SELECT count(*) FROM waiting AS other WHERE involved.pid = ANY (other.blocked_by)) AS blocks,
    coalesce(session.usename, '') AS role,
    coalesce(session.application_name, '') AS application,
    session.state,
    session.wait_event,
    round(extract(epoch FROM clock_timestamp() - session.state_change)::numeric, 3) AS in_state_s,
    round(extract(epoch FROM clock_timestamp() - session.xact_start)::numeric, 3) AS transaction_s,
    left(session.query, 2000) AS statement
FROM involved
LEFT JOIN waiting ON waiting.pid = involved.pid
LEFT JOIN pg_stat_activity AS session ON session.pid = involved.pid
ORDER BY cardinality(coalesce(waiting.blocked_by, '{}')), blocks DESC, involved.pid
LIMIT 200
