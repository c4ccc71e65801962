-- Every change of an entity row leaves the row as it was in <table>_history, whoever makes the change.
-- The function runs with its owner's rights: the application role cannot write history at all.
CREATE FUNCTION keep_history() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  -- The position of columns is the same in both tables (register/tables.py), valid_to in front.
  EXECUTE format('INSERT INTO public.%I SELECT now(), was.* FROM was', TG_TABLE_NAME || '_history');
  RETURN NULL;
END $$;

DO $$
DECLARE entity text;
BEGIN
  FOR entity IN
    SELECT left(relname, -8) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE '%\_history'
  LOOP
    EXECUTE format(
      'CREATE TRIGGER keep_history AFTER UPDATE ON %I REFERENCING OLD TABLE AS was
       FOR EACH STATEMENT EXECUTE FUNCTION keep_history()', entity);
  END LOOP;
END $$;
