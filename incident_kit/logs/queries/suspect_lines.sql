-- Records that speak of a suspect: for each, those that failed and those that took longest
WITH
    suspect AS (SELECT unnest($kinds) AS kind, unnest($names) AS name),
    after AS (
        SELECT *, severity >= 50 OR coalesce(status >= 500, false) OR coalesce(aborted, false) AS bad
        FROM records
        WHERE ts >= $since AND ts < $until
    ),
    spoken AS (
        SELECT suspect.kind, suspect.name, item, line, bad, coalesce(request_us, duration_us, 0) AS took_us
        FROM after JOIN suspect ON CASE suspect.kind
            WHEN 'dependency' THEN NOT is_request AND dependency = name
            WHEN 'route' THEN is_request AND NOT streaming AND route = name
            WHEN 'client' THEN is_request AND NOT streaming AND client = name
            WHEN 'host' THEN is_request AND NOT streaming AND host = name
            WHEN 'process' THEN is_request AND NOT streaming AND concat_ws(' ', host, 'pid ' || pid) = name
            WHEN 'error' THEN NOT is_request AND severity >= 50
                AND coalesce(error_type, level) || ': ' || left(regexp_replace(coalesce(error_message, message, ''), '\d{4,}', 'N', 'g'), 160) = name
            ELSE false
        END
    )
SELECT kind, name, item, line
FROM spoken
QUALIFY row_number() OVER (PARTITION BY kind, name ORDER BY bad DESC, took_us DESC, item, line) <= $most
ORDER BY kind, name, bad DESC, took_us DESC, item, line
