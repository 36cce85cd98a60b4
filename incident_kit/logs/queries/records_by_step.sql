-- Records per step of time, counted from the first of them: all of the given sources, and the completed requests of all
SELECT
    (epoch_us(ts) - (SELECT min(epoch_us(ts)) FROM records)) // $step_us AS step,
    count(*) FILTER (list_contains($sources, source)) AS records,
    count(*) FILTER (is_request AND NOT streaming) AS requests
FROM records
WHERE ts IS NOT NULL
GROUP BY step
ORDER BY step
