-- Sign-ins by account, where records name one: how many, how many refused, from how many clients
SELECT
    "user" AS account,
    count(*) AS n,
    count(*) FILTER (status IN (400, 401, 403)) AS refused,
    count(*) FILTER (status < 400) AS taken,
    count(DISTINCT client) AS clients,
    min(ts) AS first,
    max(ts) AS last,
    arg_min({'item': item, 'line': line}, (ts, item, line), 3) AS places
FROM requests
WHERE "user" IS NOT NULL AND list_contains($routes, route)
GROUP BY account
ORDER BY clients DESC, refused DESC, account
LIMIT 500
