-- Which replicas follow, and how far behind are they?
SELECT
    coalesce(application_name, '') AS application,
    coalesce(host(client_addr), '') AS client,
    state,
    sync_state,
    CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) END AS behind_bytes,
    round(extract(epoch FROM replay_lag)::numeric, 3) AS replay_lag_s
FROM pg_stat_replication
ORDER BY 1, 2
LIMIT 50
