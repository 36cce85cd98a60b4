-- Which prepared transactions were left behind, holding their locks?
SELECT
    gid AS name,
    owner AS role,
    database,
    prepared AS prepared_at,
    round(extract(epoch FROM clock_timestamp() - prepared)::numeric, 3) AS age_s
FROM pg_prepared_xacts
ORDER BY prepared, 1
LIMIT 50
