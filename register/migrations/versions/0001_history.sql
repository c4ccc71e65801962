-- Every change of an entity row leaves the row as it was in <table>_history, whoever makes the change.
-- The function runs with its owner's rights: the application role cannot write history at all.
CREATE FUNCTION keep_history() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_TABLE_SCHEMA <> 'public' THEN
    RAISE EXCEPTION 'history is kept of tables in schema public alone';
  END IF;
  -- The position of columns is the same in both tables (register/tables.py), valid_to in front: the instant from
  -- which the new version is shown, so that history has neither gaps nor overlaps.
  EXECUTE format(
    'INSERT INTO public.%I SELECT becomes.valid_from, was.* FROM was JOIN becomes USING (id)', TG_TABLE_NAME || '_history');
  RETURN NULL;
END $$;

-- Only the triggers below may call it.
REVOKE EXECUTE ON FUNCTION keep_history() FROM PUBLIC;

DO $$
DECLARE entity text;
BEGIN
  FOR entity IN
    SELECT left(relname, -8) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE '%\_history'
  LOOP
    EXECUTE format(
      'CREATE TRIGGER keep_history AFTER UPDATE ON %I REFERENCING OLD TABLE AS was NEW TABLE AS becomes
       FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', entity);
  END LOOP;
END $$;
