-- Requests by minute and by route from Nest's text log, written by hand: the measure for the library.
SET preserve_insertion_order = false;
SET disabled_optimizers = 'filter_pushdown';  -- else the split is done once for the filter and once more for the columns
WITH words AS (
    -- "[Nest] 4711  - 11/23/2026, 9:00:00 AM     LOG [OrdersController] GET /api/orders/42 200 - 13ms": counted from both ends, a context or none
    -- and the padding of the level do not matter.
    SELECT string_split(raw, ' ') AS word
    FROM read_csv($log, columns = {'raw': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', header = false, auto_detect = false, new_line = '\n')
    WHERE starts_with(raw, '[Nest] ') AND ends_with(raw, 'ms')
),
requests AS (
    SELECT
        TRY_STRPTIME(word[5] || ' ' || word[6] || ' ' || word[7], '%m/%d/%Y, %I:%M:%S %p') AS ts,
        word[-5] AS method,
        split_part(split_part(word[-4], '?', 1), '#', 1) AS path,
        TRY_CAST(word[-3] AS SMALLINT) AS status,
        CAST(round(TRY_CAST(left(word[-1], -2) AS DOUBLE) * 1000) AS BIGINT) AS duration_us
    FROM words
    WHERE word[-2] = '-'
)
SELECT
    make_timestamp(epoch_us(ts) // 60000000 * 60000000) AS start,
    method || ' ' || CASE WHEN regexp_matches(path, '\d') THEN replace(regexp_replace(replace(path, '/', '//') || '/', '{id}', '/:id/', 'g'), '//', '/')[:-2] ELSE path END AS name,
    count(*) AS n,
    count(*) FILTER (status >= 500) AS failed,
    count(*) FILTER (status = 499) AS aborted,
    count(*) FILTER (status BETWEEN 400 AND 498) AS refused,
    coalesce(sum(duration_us), 0)::BIGINT AS total_us,
    count(duration_us) AS timed,
    quantile_disc(duration_us, [0.5, 0.95, 0.99]) AS quantiles_us
FROM requests
WHERE ts IS NOT NULL
GROUP BY GROUPING SETS ((1), (1, 2))
ORDER BY start, name NULLS FIRST
