-- What records say by the runbook's signs, per minute and route
WITH
    spoken AS MATERIALIZED (
        SELECT
            ts, item, line, coalesce(route, '') AS route,
            concat_ws(
                ' | ', coalesce(dependency, ''), CASE WHEN severity >= 50 THEN 'error' WHEN severity >= 40 THEN 'warn' ELSE 'info' END,
                coalesce(logger, ''), coalesce(error_type, ''), coalesce(error_code, ''), left(coalesce(message, ''), 4000), left(coalesce(error_message, ''), 4000)
            ) AS said
        FROM records
        WHERE ts IS NOT NULL AND (NOT is_request OR (error_message IS NOT NULL AND NOT consequence))
    ),
    -- Most records say what others said before them, and patterns are dear.
    named AS (
        SELECT said, SIGN_OF_IT AS sign
        FROM (SELECT DISTINCT said FROM spoken)
        WHERE regexp_matches(said, ANY_OF_THEM)
    )
SELECT
    sign,
    route,
    make_timestamp(epoch_us(ts) // 60000000 * 60000000) AS start,
    count(*) AS n,
    min(ts) AS first,
    max(ts) AS last,
    arg_min({'item': item, 'line': line}, (ts, item, line), 3) AS places
FROM spoken JOIN named USING (said)
WHERE sign IS NOT NULL
GROUP BY sign, route, start
ORDER BY start, sign, route
