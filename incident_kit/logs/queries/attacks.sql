-- Requests whose address looks like an attack or the search for a way in: by client, how many, and how many were answered otherwise than by a refusal
SELECT
    coalesce(client, '') AS client,
    count(*) AS n,
    count(*) FILTER (NOT refused) AS answered,
    min(ts) AS first,
    max(ts) AS last,
    min(ts) FILTER (NOT refused) AS first_answered,
    arg_min({'item': item, 'line': line, 'url': url, 'status': status}, (ts, item, line), 3) AS places,
    arg_min({'item': item, 'line': line, 'url': url, 'status': status}, (ts, item, line), 5) FILTER (NOT refused) AS answered_places
FROM requests
WHERE url IS NOT NULL AND regexp_matches(url, $pattern)
GROUP BY client
ORDER BY answered DESC, n DESC, client
LIMIT 200
