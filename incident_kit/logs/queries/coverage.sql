-- What the records of each source could show: how many requests, timed, answered, with a client, an account, a size; how many other records, and of what
SELECT
    source, item, file,
    list_sort(list(DISTINCT format)) AS formats,
    count(*) AS records,
    min(ts) AS first,
    max(ts) AS last,
    count(*) FILTER (is_request AND NOT streaming) AS requests,
    count(*) FILTER (is_request AND NOT streaming AND request_us IS NOT NULL) AS timed,
    count(*) FILTER (is_request AND status IS NOT NULL) AS answered,
    count(*) FILTER (is_request AND client IS NOT NULL) AS with_client,
    count(*) FILTER (is_request AND regexp_matches("user", '[A-Za-z0-9]')) AS with_account,
    count(*) FILTER (is_request AND response_bytes IS NOT NULL) AS with_size,
    count(*) FILTER (is_request AND request_id IS NOT NULL) AS with_id,
    count(*) FILTER (NOT is_request) AS spoken,
    count(*) FILTER (NOT is_request AND severity >= 50) AS errors,
    count(*) FILTER (NOT is_request AND severity >= 40 AND severity < 50) AS warnings,
    count(*) FILTER (NOT is_request AND dependency IS NOT NULL) AS of_systems,
    count(*) FILTER (NOT is_request AND dependency IS NOT NULL AND duration_us IS NOT NULL) AS calls,
    count(*) FILTER (NOT is_request AND logger IS NOT NULL) AS with_logger,
    count(*) FILTER (NOT is_request AND error_type IS NOT NULL) AS with_error
FROM records
WHERE ts IS NOT NULL
GROUP BY source, item, file
ORDER BY source
