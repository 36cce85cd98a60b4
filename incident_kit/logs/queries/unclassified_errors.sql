-- Errors that were logged and that no sign of the runbook names, by where and what: how many, when, and the first of them; a request's error counts where it arose, not where it was passed on
WITH
    spoken AS MATERIALIZED (
        SELECT
            ts, item, line, coalesce(logger, '') AS logger, coalesce(dependency, '') AS dependency, coalesce(error_type, level, '') AS kind,
            left(regexp_replace(coalesce(error_message, message, ''), '\d+', 'N', 'g'), 160) AS pattern,
            concat_ws(
                ' | ', coalesce(dependency, ''), 'error',
                coalesce(logger, ''), coalesce(error_type, ''), coalesce(error_code, ''), left(coalesce(message, ''), 4000), left(coalesce(error_message, ''), 4000)
            ) AS said
        FROM records
        WHERE ts IS NOT NULL AND severity >= 50 AND NOT is_request AND NOT consequence
    ),
    unnamed AS (
        SELECT said
        FROM (SELECT DISTINCT said FROM spoken)
        WHERE NOT regexp_matches(said, ANY_OF_THEM)
    )
SELECT
    dependency, logger, kind, pattern,
    count(*) AS n,
    min(ts) AS first,
    max(ts) AS last,
    list(epoch_us(ts) // 1000000 ORDER BY ts) AS seconds,
    arg_min({'item': item, 'line': line}, (ts, item, line), 3) AS places
FROM spoken JOIN unnamed USING (said)
GROUP BY ALL
ORDER BY n DESC, dependency, logger, kind, pattern
LIMIT 200
