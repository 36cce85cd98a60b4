-- Customers' requests in the span of a given length in which most of them failed, were aborted or did not come: of all (name is empty) and of each feature; a span begins with a request; streams left out
WITH
    named AS (SELECT unnest($names::VARCHAR[]) AS name, unnest($routes::VARCHAR[]) AS route),
    ends AS (SELECT unnest($items::VARCHAR[]) AS item, unnest($last::TIMESTAMP[]) AS last),
    -- Seconds are counted from the first request, so that it does not matter when by the clock it all was.
    seconds AS MATERIALIZED (
        SELECT
            name,
            item,
            (epoch_us(ts) - epoch_us($first::TIMESTAMP)) // 1000000 AS second,
            count(*) AS n,
            count(*) FILTER (failed OR aborted) AS bad,
            min(epoch_us(ts)) FILTER (failed OR aborted) AS bad_us,
            min({'well': NOT (failed OR aborted), 'at': epoch_us(ts), 'item': item, 'line': line}, 5) AS places
        FROM requests JOIN named ON coalesce(requests.route, '') = named.route
        WHERE NOT streaming
        GROUP BY ALL
    ),
    -- What a log of requests does not reach, nobody can miss in it.
    reached AS (
        SELECT (epoch_us(max(last)) - epoch_us($first::TIMESTAMP)) // 1000000 AS second
        FROM ends
        WHERE item IN (SELECT item FROM seconds)
    ),
    spans AS (
        SELECT
            name,
            second,
            second + $lasting_s <= (SELECT second FROM reached) AS whole,
            (sum(n) OVER span)::BIGINT AS n,
            (sum(bad) OVER span)::BIGINT AS bad,
            coalesce(sum(n) OVER recent, 0) * $lasting_s / least(greatest(second, 1), $recent_s) AS recent_n
        FROM (SELECT name, second, sum(n) AS n, sum(bad) AS bad FROM seconds GROUP BY name, second)
        WINDOW
            span AS (PARTITION BY name ORDER BY second RANGE BETWEEN CURRENT ROW AND $lasting_s - 1 FOLLOWING),
            recent AS (PARTITION BY name ORDER BY second RANGE BETWEEN $recent_s PRECEDING AND 1 PRECEDING)
    ),
    usual AS (SELECT name, quantile_disc(n, 0.5) AS n FROM spans WHERE whole GROUP BY name),
    -- So many were due as came in such a time before, and no more than usually come: the end of a rush is no outage.
    due AS (
        SELECT
            spans.*,
            CASE WHEN spans.name = '' AND whole AND second >= $lasting_s THEN floor(least(recent_n, usual.n))::BIGINT ELSE 0 END AS due
        FROM spans LEFT JOIN usual USING (name)
    ),
    shares AS (SELECT *, greatest(n, due) AS of, bad + greatest(due - n, 0) AS not_well FROM due),
    -- The lower end of Wilson's interval at 95 %: one of one is less than ninety of a hundred.
    bounds AS (
        SELECT
            *,
            (not_well / of + 1.9208 / of - 1.96 * sqrt(not_well / of * (1 - not_well / of) / of + 0.9604 / (of * of))) / (1 + 3.8416 / of) AS least_share
        FROM shares
    ),
    worst AS (
        SELECT
            *,
            min(second) FILTER (whole AND of >= $at_least AND not_well / of >= $share) OVER (PARTITION BY name) AS reached_second
        FROM bounds
        QUALIFY row_number() OVER (PARTITION BY name, whole ORDER BY least_share DESC, n DESC, second) = 1
    )
SELECT
    worst.name,
    whole,
    make_timestamp(epoch_us($first::TIMESTAMP) + worst.second * 1000000) AS since,
    make_timestamp(epoch_us($first::TIMESTAMP) + reached_second * 1000000) AS reached_since,
    make_timestamp((
        SELECT min(bad_us)
        FROM seconds AS failing
        WHERE failing.name = worst.name AND failing.second >= reached_second AND failing.second < reached_second + $lasting_s
    )) AS bad_since,
    worst.n,
    worst.bad,
    due,
    list_sort(flatten(list(places)))[:5] AS places
FROM worst JOIN seconds ON seconds.name = worst.name AND seconds.second >= worst.second AND seconds.second < worst.second + $lasting_s
GROUP BY ALL
ORDER BY worst.name, whole DESC
