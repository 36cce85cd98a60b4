-- Errors that were logged before and after a change, and in how many requests; a request's error counts where it arose, not where it was passed on
WITH
    faults AS (
        SELECT *, (coalesce(host, ''), coalesce(pid, 0), request_id) AS request, ts >= $since AND ts < $until AS later
        FROM records
        WHERE severity >= 50 AND NOT is_request AND NOT consequence
            AND ((ts >= $normal_since AND ts < $normal_until) OR (ts >= $since AND ts < $until))
    )
SELECT
    coalesce(dependency, '') AS dependency,
    coalesce(dependency, logger, '') AS place,
    coalesce(error_type, level) AS kind,
    left(regexp_replace(coalesce(error_message, message, ''), '\d{4,}', 'N', 'g'), 160) AS pattern,
    count(*) FILTER (NOT later) AS n_before,
    count(DISTINCT request) FILTER (NOT later AND request_id IS NOT NULL) AS requests_before,
    count(*) FILTER (later) AS n_after,
    count(DISTINCT request) FILTER (later AND request_id IS NOT NULL) AS requests_after
FROM faults
WHERE dependency IS NOT NULL
    OR request_id IS NULL
    OR request NOT IN (SELECT request FROM faults WHERE dependency IS NOT NULL AND request_id IS NOT NULL)
GROUP BY 1, 2, 3, 4
HAVING n_after > 0
ORDER BY n_after DESC, place, kind, pattern
LIMIT 50
