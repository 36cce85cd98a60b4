-- How far behind the newest record before it a record's time stands, at worst
SELECT coalesce(max(epoch_us(newest) - epoch_us(ts)), 0) AS lateness_us
FROM (SELECT ts, max(ts) OVER (PARTITION BY source ORDER BY line ROWS UNBOUNDED PRECEDING) AS newest FROM lines WHERE ts IS NOT NULL)
