-- If this is a replica: how old is what it shows?
SELECT
    pg_is_in_recovery() AS is_replica,
    pg_last_xact_replay_timestamp() AS last_replayed_at,
    round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::numeric, 3) AS behind_s
