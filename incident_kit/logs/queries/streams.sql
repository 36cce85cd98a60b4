-- Event streams that ended: their durations are lifetimes and count nowhere else
SELECT count(*) AS n, quantile_disc(duration_us, 0.5) AS median_us
FROM requests
WHERE streaming
