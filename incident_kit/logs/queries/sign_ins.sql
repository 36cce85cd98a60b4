-- Sign-ins by client: how many, how many refused, for how many accounts, the longest run of refusals, and the first success after such a run
WITH
    attempts AS (
        SELECT ts, item, line, client, "user", status IN (400, 401, 403) AS refused, status < 400 AS taken
        FROM requests
        WHERE client IS NOT NULL AND status IS NOT NULL AND list_contains($routes, route)
    ),
    numbered AS (
        SELECT *, count(*) FILTER (taken) OVER (PARTITION BY client ORDER BY ts, item, line) - CASE WHEN taken THEN 1 ELSE 0 END AS run
        FROM attempts
    ),
    runs AS (
        SELECT
            client, run, count(*) FILTER (refused) AS refused, min(ts) AS first, max(ts) AS last,
            arg_min({'item': item, 'line': line}, (ts, item, line)) FILTER (taken) AS success, min(ts) FILTER (taken) AS success_at
        FROM numbered
        GROUP BY client, run
    ),
    longest AS (
        SELECT client, max(refused) AS longest_run, min(success_at) FILTER (refused >= $run AND success IS NOT NULL) AS success_at,
            arg_min(success, success_at) FILTER (refused >= $run AND success IS NOT NULL) AS success, max(refused) FILTER (success IS NOT NULL) AS run_before
        FROM runs
        GROUP BY client
    )
SELECT
    client,
    count(*) AS n,
    count(*) FILTER (refused) AS refused,
    count(*) FILTER (taken) AS taken,
    count(DISTINCT "user") AS accounts,
    min(ts) AS first,
    max(ts) AS last,
    arg_min({'item': item, 'line': line}, (ts, item, line), 3) FILTER (refused) AS places,
    max(longest_run) AS longest_run,
    max(run_before) AS run_before,
    min(success_at) AS success_at,
    min(success) AS success
FROM attempts JOIN longest USING (client)
GROUP BY client
ORDER BY refused DESC, n DESC, client
LIMIT 500
