-- How much each client got: requests, and bytes where records tell them
SELECT
    client,
    count(*) AS n,
    count(response_bytes) AS sized,
    coalesce(sum(response_bytes), 0)::BIGINT AS bytes,
    min(ts) AS first,
    max(ts) AS last,
    arg_max({'item': item, 'line': line}, (coalesce(response_bytes, 0), epoch_us(ts), item, line), 3) AS places
FROM requests
WHERE client IS NOT NULL AND NOT streaming
GROUP BY client
ORDER BY bytes DESC, n DESC, client
