-- The register as of an instant: which of the present rows are that old, which past versions were shown then, and
-- both by what lists are usually ordered and nested by. The instants come last in an index, so that it decides alone.

DO $$
DECLARE twin text;
DECLARE entity text;
DECLARE held record;
BEGIN
  FOR twin IN
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE '%\_history'
      AND relname <> 'claim_history'
  LOOP
    entity := left(twin, -8);
    EXECUTE format('CREATE INDEX %I ON %I (valid_from)', entity || '_valid_from_ix', entity);
    EXECUTE format('CREATE INDEX %I ON %I (valid_to)', twin || '_valid_to_ix', twin);
    EXECUTE format('CREATE INDEX %I ON %I (id, valid_to, valid_from)', twin || '_id_ix', twin);
    EXECUTE format('CREATE INDEX %I ON %I (key, valid_to, valid_from)', twin || '_key_ix', twin);
    -- The references that the present table is nested by.
    FOR held IN
      SELECT a.attname AS name, a.atttypid = 'uuid[]'::regtype AS many
      FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      WHERE i.indrelid = entity::regclass AND a.attname ~ '_ids?$'
    LOOP
      IF held.many THEN
        EXECUTE format('CREATE INDEX %I ON %I USING gin (%I)', twin || '_' || held.name || '_ix', twin, held.name);
      ELSE
        EXECUTE format('CREATE INDEX %I ON %I (%I, key, valid_to, valid_from) WHERE %I IS NOT NULL',
                       twin || '_' || held.name || '_ix', twin, held.name, held.name);
      END IF;
    END LOOP;
  END LOOP;
END $$;

-- How fresh a source was: its last run by then.
CREATE INDEX run_succeeded_ix ON run (source, finished_at) WHERE state = 'succeeded' AND mode <> 'hints';
