-- Which replication slots keep old WAL from being removed?
SELECT
    slot_name AS slot,
    slot_type AS kind,
    active,
    CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) END AS kept_bytes,
    to_jsonb(slots) ->> 'wal_status' AS wal_status,  -- from 13 on
    to_jsonb(slots) ->> 'invalidation_reason' AS invalidation_reason  -- from 17 on
FROM pg_replication_slots AS slots
ORDER BY kept_bytes DESC NULLS LAST, 1
LIMIT 50
