-- Rows that refer to nothing leave the indexes by what rows refer to: nobody looks for them there, and each entry
-- costs a first load as much as a column does. (The past's indexes are so already, but for those of lists.)

DO $$
DECLARE held record;
BEGIN
  FOR held IN
    SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS made, a.attname AS refers
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = 'public'::regnamespace
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.attname ~ '_ids?$'
    WHERE c.relname = t.relname || '_' || a.attname || '_ix' AND i.indpred IS NULL
      AND to_regclass('public.' || quote_ident(t.relname || '_history')) IS NOT NULL
  LOOP
    EXECUTE format('DROP INDEX %I', held.name);
    EXECUTE format('%s WHERE %I IS NOT NULL', held.made, held.refers);
  END LOOP;
END $$;
