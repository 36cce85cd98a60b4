-- Requests of customers by client: how many, how large, on how many routes and for how many accounts; how many were refused, and for how many addresses; streams and probes left out
SELECT
    client,
    count(*) AS n,
    count(response_bytes) AS sized,
    coalesce(sum(response_bytes), 0)::BIGINT AS bytes,
    count(DISTINCT route) AS routes,
    count(DISTINCT "user") FILTER (regexp_matches("user", '[A-Za-z0-9]')) AS accounts,
    count(*) FILTER (refused) AS refused,
    count(DISTINCT hash(url)) FILTER (refused) AS refused_urls,
    min(ts) AS first,
    max(ts) AS last,
    min(ts) FILTER (refused) AS first_refused,
    max(ts) FILTER (refused) AS last_refused,
    arg_max({'item': item, 'line': line}, (coalesce(response_bytes, 0), epoch_us(ts), item, line), 3) AS places,
    arg_min({'item': item, 'line': line}, (ts, item, line), 3) FILTER (refused) AS refused_places
FROM requests
WHERE client IS NOT NULL AND NOT streaming AND NOT regexp_matches(coalesce(route, ''), $probes)
GROUP BY client
ORDER BY bytes DESC, n DESC, client
