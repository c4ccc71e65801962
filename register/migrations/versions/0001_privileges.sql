-- portbook_app reads everything and writes the present; it can neither rewrite nor remove what was.
-- Roles belong to the whole server: another register on it may have made this one already.
DO $$
BEGIN
  CREATE ROLE portbook_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

-- Without temporary tables nobody can dress one up as an entity.
DO $$
BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;

GRANT USAGE ON SCHEMA public TO portbook_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO portbook_app;
GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO portbook_app;
GRANT DELETE ON claim, link, sweep_seen, run_partition, partition_cursor TO portbook_app;

-- Events and the audit are only ever added to; history is written by its trigger alone.
REVOKE UPDATE ON event, audit FROM portbook_app;
REVOKE INSERT, UPDATE ON alembic_version FROM portbook_app;
DO $$
DECLARE twin text;
BEGIN
  FOR twin IN
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE '%\_history'
  LOOP
    EXECUTE format('REVOKE INSERT, UPDATE ON %I FROM portbook_app', twin);
  END LOOP;
END $$;

-- The one who migrates may act as the application role.
DO $$
BEGIN
  EXECUTE format('GRANT portbook_app TO %I', current_user);
END $$;
