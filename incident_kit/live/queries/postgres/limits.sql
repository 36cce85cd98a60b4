-- How many of the allowed connections are used, and how many are left for the application?
SELECT
    -- Without pg_monitor the kind of other sessions is hidden; those of clients have a database.
    count(*) FILTER (
        WHERE session.backend_type = 'client backend'
        OR (session.backend_type IS NULL AND session.datid IS NOT NULL)
    ) AS used,
    current_setting('max_connections')::int AS allowed,
    current_setting('superuser_reserved_connections')::int AS reserved_for_superusers,
    coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved_for_role,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0) AS usable,
    (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS database_limit,
    (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS role_limit
FROM pg_stat_activity AS session
