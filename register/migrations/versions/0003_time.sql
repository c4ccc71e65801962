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
    EXECUTE format('DROP INDEX %I', entity || '_key_ix');
    EXECUTE format('CREATE INDEX %I ON %I (key, valid_from)', entity || '_key_ix', entity);
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
        EXECUTE format('DROP INDEX %I', entity || '_' || held.name || '_ix');
        EXECUTE format('CREATE INDEX %I ON %I (%I, key, valid_from)', entity || '_' || held.name || '_ix', entity, held.name);
        EXECUTE format('CREATE INDEX %I ON %I (%I, key, valid_to, valid_from) WHERE %I IS NOT NULL',
                       twin || '_' || held.name || '_ix', twin, held.name, held.name);
      END IF;
    END LOOP;
  END LOOP;
END $$;

-- How fresh a source was: its last run by then.
CREATE INDEX run_succeeded_ix ON run (source, finished_at) WHERE state = 'succeeded' AND mode <> 'hints';

-- The change feed. Events are numbered when they are written and seen when their transaction ends, not always in that
-- order. A reader of the feed must therefore stop before what somebody is still writing. Each transaction notes, as
-- the key of an advisory lock that ends with it, the number after which its own events come.
CREATE INDEX event_feed_ix ON event (entity, seq);
CREATE INDEX event_at_ix ON event USING brin (at);

CREATE FUNCTION hold_feed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE reached bigint;
BEGIN
  IF coalesce(current_setting('portbook.feed_held', true), '') = '' THEN
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO reached FROM public.event_seq_seq;
    PERFORM pg_advisory_xact_lock_shared(1718904165, (reached & 4294967295)::bit(32)::int4);
    PERFORM set_config('portbook.feed_held', 'yes', true);
  END IF;
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION hold_feed() FROM PUBLIC;

-- Before the rows get their numbers.
CREATE TRIGGER hold_feed BEFORE INSERT ON event FOR EACH STATEMENT EXECUTE FUNCTION hold_feed();

-- The number up to which every event that will ever be there is there, for a statement that begins after this one.
-- First the number, then the locks: who begins to write between the two gets higher numbers.
CREATE FUNCTION feed_settled() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE reached bigint;
DECLARE held bigint;
BEGIN
  SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO reached FROM public.event_seq_seq;
  SELECT max((reached - objid::bigint) & 4294967295) INTO held FROM pg_locks
  WHERE locktype = 'advisory' AND classid = 1718904165 AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
  RETURN reached - coalesce(held, 0);
END $$;

GRANT SELECT ON SEQUENCE event_seq_seq TO portbook_app;
