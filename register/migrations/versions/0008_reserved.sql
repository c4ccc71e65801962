-- Our locks are advisory ones, which anybody who may sign in could take and hold; and large objects are disk that anybody
-- could fill. Both belong to the application alone. Only a superuser can say so: elsewhere docs/sql.md says what to do.
DO $$
DECLARE reserved regprocedure;
BEGIN
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    RETURN;
  END IF;
  FOR reserved IN
    SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
      AND (proname ~ '^pg_(try_)?advisory' OR proname IN ('lo_create', 'lo_creat', 'lo_from_bytea'))
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', reserved);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO portbook_app', reserved);
  END LOOP;
END $$;
