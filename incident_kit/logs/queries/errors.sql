-- Errors that were logged, grouped by where and what; a request's error counts where it arose, not where it was passed on
WITH faults AS (
    SELECT *, (source, pid, request_id) AS request
    FROM records
    WHERE severity >= 50 AND NOT is_request AND NOT consequence AND ts IS NOT NULL
)
SELECT
    coalesce(dependency, logger, '') AS place,
    coalesce(error_type, level) AS kind,
    left(regexp_replace(coalesce(error_message, message, ''), '\d{4,}', 'N', 'g'), 160) AS pattern,
    count(*) AS n,
    count(DISTINCT request) AS requests,
    min(ts) AS first,
    max(ts) AS last,
    arg_min(item, (ts, item, line)) AS item,
    arg_min(line, (ts, item, line)) AS line
FROM faults
WHERE dependency IS NOT NULL
    OR request_id IS NULL
    OR request NOT IN (SELECT request FROM faults WHERE dependency IS NOT NULL AND request_id IS NOT NULL)
GROUP BY 1, 2, 3
ORDER BY n DESC, place, kind, pattern
