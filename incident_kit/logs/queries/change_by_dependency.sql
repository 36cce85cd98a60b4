-- Calls to outside systems before and after a change, and what became of the requests that made them; the row without a name is of requests that made none
WITH
    usual AS (
        SELECT route, quantile_disc(duration_us, 0.95) AS limit_us
        FROM requests
        WHERE NOT streaming AND ts >= $normal_since AND ts < $normal_until
        GROUP BY route
    ),
    usual_call AS (
        SELECT dependency, quantile_disc(duration_us, 0.95) AS limit_us
        FROM calls
        WHERE ts >= $normal_since AND ts < $normal_until
        GROUP BY dependency
    ),
    finished AS (
        SELECT
            coalesce(host, '') AS host, coalesce(pid, 0) AS pid, request_id,
            failed OR aborted OR ($slow AND coalesce(duration_us > limit_us, false)) AS affected,
            make_timestamp(epoch_us(ts) - coalesce(duration_us, 0)) AS started
        FROM requests LEFT JOIN usual USING (route)
        WHERE NOT streaming
    ),
    made AS (
        SELECT
            dependency, coalesce(host, '') AS host, coalesce(pid, 0) AS pid, request_id, duration_us, failed,
            failed OR ($slow AND coalesce(duration_us > limit_us, false)) AS hit,
            make_timestamp(epoch_us(ts) - duration_us) AS started
        FROM calls LEFT JOIN usual_call USING (dependency)
    ),
    by_call AS (
        SELECT
            dependency,
            count(*) FILTER (started >= $normal_since AND started < $normal_until) AS calls_before,
            count(*) FILTER (hit AND started >= $normal_since AND started < $normal_until) AS affected_calls_before,
            count(*) FILTER (failed AND started >= $normal_since AND started < $normal_until) AS failed_before,
            quantile_disc(duration_us, 0.5) FILTER (started >= $normal_since AND started < $normal_until) AS median_us_before,
            count(*) FILTER (started >= $since AND started < $until) AS calls_after,
            count(*) FILTER (hit AND started >= $since AND started < $until) AS affected_calls_after,
            count(*) FILTER (failed AND started >= $since AND started < $until) AS failed_after,
            quantile_disc(duration_us, 0.5) FILTER (started >= $since AND started < $until) AS median_us_after
        FROM made
        GROUP BY dependency
    ),
    asked AS (
        SELECT host, pid, request_id, dependency, bool_or(hit) AS hit
        FROM made
        WHERE request_id IS NOT NULL
        GROUP BY ALL
    ),
    by_request AS (
        SELECT
            dependency,
            count(*) FILTER (finished.started >= $normal_since AND finished.started < $normal_until) AS n_before,
            count(*) FILTER (affected AND finished.started >= $normal_since AND finished.started < $normal_until) AS affected_before,
            count(*) FILTER (affected AND hit AND finished.started >= $normal_since AND finished.started < $normal_until) AS explained_before,
            count(*) FILTER (finished.started >= $since AND finished.started < $until) AS n_after,
            count(*) FILTER (affected AND finished.started >= $since AND finished.started < $until) AS affected_after,
            count(*) FILTER (affected AND hit AND finished.started >= $since AND finished.started < $until) AS explained_after
        FROM finished LEFT JOIN asked USING (host, pid, request_id)
        GROUP BY dependency
    )
SELECT
    dependency AS name,
    coalesce(n_before, 0) AS n_before, coalesce(affected_before, 0) AS affected_before, coalesce(explained_before, 0) AS explained_before,
    coalesce(n_after, 0) AS n_after, coalesce(affected_after, 0) AS affected_after, coalesce(explained_after, 0) AS explained_after,
    coalesce(calls_before, 0) AS calls_before, coalesce(affected_calls_before, 0) AS affected_calls_before, coalesce(failed_before, 0) AS failed_before, median_us_before,
    coalesce(calls_after, 0) AS calls_after, coalesce(affected_calls_after, 0) AS affected_calls_after, coalesce(failed_after, 0) AS failed_after, median_us_after
FROM by_request FULL JOIN by_call USING (dependency)
ORDER BY name NULLS FIRST
