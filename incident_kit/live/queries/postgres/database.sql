-- Deadlocks, temporary files, checksum failures and rollbacks of this database since its counters began
-- Columns that a version does not have are null: to_jsonb gives what is there.
SELECT
    stats_reset AS counted_since,
    xact_commit AS commits,
    xact_rollback AS rollbacks,
    deadlocks,
    conflicts,
    temp_files,
    temp_bytes,
    blks_hit AS blocks_from_memory,
    blks_read AS blocks_from_disk,
    (to_jsonb(counters) ->> 'checksum_failures')::bigint AS checksum_failures,  -- null: checksums are off
    (to_jsonb(counters) ->> 'checksum_last_failure')::timestamptz AS checksum_last_failure,
    (to_jsonb(counters) ->> 'sessions_abandoned')::bigint AS sessions_abandoned,  -- from 14 on
    (to_jsonb(counters) ->> 'sessions_fatal')::bigint AS sessions_fatal,
    (to_jsonb(counters) ->> 'sessions_killed')::bigint AS sessions_killed
FROM pg_stat_database AS counters
WHERE datname = current_database()
