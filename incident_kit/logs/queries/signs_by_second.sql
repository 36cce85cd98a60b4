-- What records say by the runbook's signs, per second and route; a record without a route has that of the request whose id it carries
WITH
    spoken AS MATERIALIZED (
        SELECT
            ts, item, line, route, coalesce(host, '') AS host, coalesce(pid, 0) AS pid, request_id,
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
    ),
    signed AS (
        SELECT ts, item, line, route, host, pid, request_id, sign
        FROM spoken JOIN named USING (said)
        WHERE sign IS NOT NULL
    ),
    asked AS (
        SELECT coalesce(host, '') AS host, coalesce(pid, 0) AS pid, request_id, min(route) AS asked_route
        FROM requests
        WHERE request_id IS NOT NULL AND route IS NOT NULL
            AND request_id IN (SELECT request_id FROM signed WHERE route IS NULL AND request_id IS NOT NULL)
        GROUP BY ALL
        HAVING count(DISTINCT route) = 1
    )
SELECT
    sign,
    coalesce(route, asked_route, '') AS route,
    make_timestamp(epoch_us(ts) // 1000000 * 1000000) AS start,
    count(*) AS n,
    min(ts) AS first,
    max(ts) AS last,
    arg_min({'item': item, 'line': line}, (ts, item, line), 3) AS places
FROM signed LEFT JOIN asked USING (host, pid, request_id)
GROUP BY ALL
ORDER BY start, sign, route
