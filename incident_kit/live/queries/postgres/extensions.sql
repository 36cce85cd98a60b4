-- Which extensions are installed, and does this role see what pg_stat_statements counts?
SELECT
    extname AS extension,
    extversion AS version,
    extname = 'pg_stat_statements' AND EXISTS (
        SELECT 1 FROM pg_class WHERE relname = 'pg_stat_statements' AND relkind = 'v' AND pg_table_is_visible(oid)
    ) AS counts_statements
FROM pg_extension
ORDER BY 1
