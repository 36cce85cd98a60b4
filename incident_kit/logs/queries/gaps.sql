-- Silences: times between two records of a source that are longer than a limit
SELECT item, line, before, ts
FROM (SELECT item, line, ts, lag(ts) OVER (PARTITION BY source ORDER BY ts, line) AS before FROM records WHERE ts IS NOT NULL)
WHERE epoch_us(ts) - epoch_us(before) > $limit_us
ORDER BY before, item, line
