-- Which server is this, since when does it run, and what may we see?
SELECT
    current_setting('server_version') AS version,
    pg_postmaster_start_time() AS started_at,
    pg_conf_load_time() AS configuration_loaded_at,
    pg_is_in_recovery() AS is_replica,
    current_database() AS database,
    current_user AS role,
    role.rolsuper AS is_superuser,
    pg_has_role(current_user, 'pg_monitor', 'MEMBER') OR role.rolsuper AS sees_all_sessions,
    current_setting('data_checksums') AS data_checksums,
    current_setting('default_transaction_read_only') AS default_read_only
FROM pg_roles AS role
WHERE role.rolname = current_user
