-- What became of every line, by source
SELECT
    source,
    count(*) AS lines,
    count(*) FILTER (class = 'record' AND within) AS records,
    count(*) FILTER (class = 'continuation') AS continuations,
    count(*) FILTER (class = 'unparsed') AS unparsed,
    count(*) FILTER (class = 'record' AND NOT within) AS outside,
    count(*) FILTER (class = 'record' AND ts IS NULL) AS undated,
    (SELECT count(*) FROM repeated WHERE repeated.source = placed.source) AS repeated,
    count(*) FILTER (mended) AS mended,
    min(ts) FILTER (class = 'record' AND within) AS first,
    max(ts) FILTER (class = 'record' AND within) AS last,
    list(DISTINCT ts_zone) FILTER (ts_zone IS NOT NULL) AS zones,
    list(DISTINCT epoch_us(ts) // 60000000) FILTER (class = 'record' AND within AND ts IS NOT NULL) AS minutes
FROM placed
GROUP BY source
ORDER BY source
