-- Requests by minute and by route from an nginx log (combined, with rt=$request_time behind it), written by hand: the measure for the library.
SET preserve_insertion_order = false;
SET disabled_optimizers = 'filter_pushdown';  -- else the split is done once for the filter and once more for the columns
WITH pieces AS (
    -- nginx writes a quote within a value as \x22, so that splitting is exact; regexp_extract over the line takes ten times as long.
    SELECT string_split(raw, '"') AS piece
    FROM read_csv($log, columns = {'raw': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', header = false, auto_detect = false, new_line = '\n')
),
fields AS (
    SELECT piece[1] AS head, string_split(piece[2], ' ') AS asked, piece[3] AS answered, piece[7] AS took
    FROM pieces
    WHERE len(piece) = 7
),
requests AS (
    SELECT
        TRY_STRPTIME(substr(head, strpos(head, '[') + 1, 20), '%d/%b/%Y:%H:%M:%S') AS ts,
        asked[1] AS method,
        split_part(split_part(asked[2], '?', 1), '#', 1) AS path,
        TRY_CAST(substr(answered, 2, 3) AS SMALLINT) AS status,
        CAST(round(TRY_CAST(substr(took, 5) AS DOUBLE) * 1000000) AS BIGINT) AS duration_us
    FROM fields
)
SELECT
    make_timestamp(epoch_us(ts) // 60000000 * 60000000) AS start,
    method || ' ' || CASE WHEN regexp_matches(path, '\d') THEN replace(regexp_replace(replace(path, '/', '//') || '/', '{id}', '/:id/', 'g'), '//', '/')[:-2] ELSE path END AS name,
    count(*) AS n,
    count(*) FILTER (status >= 500) AS failed,
    count(*) FILTER (status IS NULL OR status = 499) AS aborted,
    count(*) FILTER (status BETWEEN 400 AND 498) AS refused,
    coalesce(sum(duration_us), 0)::BIGINT AS total_us,
    count(duration_us) AS timed,
    quantile_disc(duration_us, [0.5, 0.95, 0.99]) AS quantiles_us
FROM requests
WHERE ts IS NOT NULL
GROUP BY GROUPING SETS ((1), (1, 2))
ORDER BY start, name NULLS FIRST
