-- The first failed call to each outside system
SELECT dependency, arg_min(ts, (ts, item, line)) AS ts, arg_min(item, (ts, item, line)) AS item, arg_min(line, (ts, item, line)) AS line, count(*) AS n
FROM calls
WHERE failed
GROUP BY dependency
ORDER BY ts, dependency
