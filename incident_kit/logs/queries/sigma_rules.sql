-- Requests that meet the Sigma rules of the runbook: for each rule how many, from whom, and the first of them
WITH
    asked AS (
        SELECT
            ts, item, line, client, refused, method, status, url,
            split_part(url, '?', 1) AS url_path,
            CASE WHEN contains(url, '?') THEN substr(url, instr(url, '?') + 1) END AS url_query
        FROM requests
    ),
    -- All rules in one pass. They stand on lines of their own: what follows `--` in a rule's text is not looked at for names of columns.
    met AS (
        SELECT ts, item, line, client, refused, unnest(list_filter([
            NUMBERS_OF_RULES_MET
        ], lambda number: number IS NOT NULL)) AS rule
        FROM asked
    )
SELECT
    rule,
    count(*) AS n,
    count(*) FILTER (NOT refused) AS answered,
    count(DISTINCT client) AS clients,
    arg_min(client, (ts, item, line)) AS client,
    min(ts) AS first,
    max(ts) AS last,
    arg_min({'item': item, 'line': line}, (ts, item, line), 5) AS places
FROM met
GROUP BY rule
ORDER BY rule
