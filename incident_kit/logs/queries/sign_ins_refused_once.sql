-- Clients whose sign-ins were only refused, between two times: how many there are, for how many accounts, and the first of them
WITH
    attempts AS (
        SELECT ts, item, line, client, "user", status IN (400, 401, 403) AS refused
        FROM requests
        WHERE client IS NOT NULL AND status IS NOT NULL AND list_contains($routes, route)
    ),
    by_client AS (
        SELECT client, min(ts) AS first, bool_and(refused) AS only_refused
        FROM attempts
        GROUP BY client
    )
SELECT
    count(DISTINCT client) AS clients,
    count(DISTINCT "user") FILTER (regexp_matches("user", '[A-Za-z0-9]')) AS accounts,
    count(*) AS n,
    arg_min({'item': item, 'line': line}, (ts, item, line), 5) AS places
FROM attempts JOIN by_client USING (client)
WHERE only_refused AND by_client.first >= $since AND ts >= $since AND ts < $until
