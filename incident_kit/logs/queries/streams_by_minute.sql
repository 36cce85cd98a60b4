-- Event streams that ended, per minute: how many, and how long half of them had lived
SELECT
    make_timestamp(epoch_us(ts) // 60000000 * 60000000) AS start,
    count(*) AS n,
    quantile_disc(duration_us, 0.5) AS median_us,
    min(ts) AS first,
    max(ts) AS last,
    arg_min({'item': item, 'line': line}, (ts, item, line), 3) AS places
FROM requests
WHERE streaming
GROUP BY start
ORDER BY start
