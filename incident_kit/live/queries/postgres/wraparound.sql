-- How near is each database to running out of transaction numbers?
SELECT
    datname AS database,
    age(datfrozenxid) AS transactions_old,
    round(100.0 * age(datfrozenxid) / 2000000000, 2) AS used_percent
FROM pg_database
ORDER BY transactions_old DESC, 1
LIMIT 50
