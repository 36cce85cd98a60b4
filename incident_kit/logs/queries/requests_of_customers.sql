-- How many requests of customers there are, how many of them are timed, and between which times; streams and probes left out
SELECT count(*) AS n, count(duration_us) AS timed, count(status) AS answered, min(ts) AS first, max(ts) AS last
FROM requests
WHERE NOT streaming AND NOT regexp_matches(coalesce(route, ''), $probes)
