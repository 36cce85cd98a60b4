-- Which statements took the most time in all since their counters began?
-- Columns were renamed in version 1.8 of the extension: to_jsonb gives what is there.
SELECT
    left(query, 500) AS statement,
    calls,
    rows AS rows_given,
    round(
        coalesce(to_jsonb(counted) ->> 'total_exec_time', to_jsonb(counted) ->> 'total_time')::numeric, 3
    ) AS total_ms,
    round(
        coalesce(to_jsonb(counted) ->> 'mean_exec_time', to_jsonb(counted) ->> 'mean_time')::numeric, 3
    ) AS average_ms,
    round(
        coalesce(to_jsonb(counted) ->> 'max_exec_time', to_jsonb(counted) ->> 'max_time')::numeric, 3
    ) AS longest_ms,
    temp_blks_written AS temporary_blocks_written
FROM pg_stat_statements AS counted
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY total_ms DESC, queryid
LIMIT 50
