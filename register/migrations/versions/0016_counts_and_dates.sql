-- Counting the work items of a project read each of them, to see that it is present. Now the index says so.

DO $$
DECLARE held record;
BEGIN
  FOR held IN
    SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS made
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
    JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = 'public'::regnamespace
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.attname ~ '_id$'
    WHERE c.relname = t.relname || '_' || a.attname || '_ix' AND i.indpred IS NOT NULL
      AND to_regclass('public.' || quote_ident(t.relname || '_history')) IS NOT NULL
  LOOP
    EXECUTE format('DROP INDEX %I', held.name);
    EXECUTE replace(held.made, ') WHERE (', ') INCLUDE (presence) WHERE (');
  END LOOP;
END $$;

-- Dates by which people put rows in order all day: without an index each page sorts the whole table.

CREATE INDEX work_item_due_on_ix ON work_item (due_on);
CREATE INDEX work_item_finish_planned_on_ix ON work_item (finish_planned_on);
CREATE INDEX milestone_planned_on_ix ON milestone (planned_on);
CREATE INDEX milestone_forecast_on_ix ON milestone (forecast_on);
CREATE INDEX time_entry_worked_on_ix ON time_entry (worked_on);

-- An index can answer alone for rows on pages that vacuum has seen since they changed. After a twentieth of the rows
-- changed, here and there, more than half of what a count looks at is on pages that it has not; by default it waits for a fifth.

DO $$
DECLARE held record;
BEGIN
  FOR held IN
    SELECT t.relname AS name FROM pg_class t
    WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace
      AND to_regclass('public.' || quote_ident(t.relname || '_history')) IS NOT NULL AND t.relname <> 'claim'
  LOOP
    EXECUTE format('ALTER TABLE %I SET (autovacuum_vacuum_scale_factor = 0.02)', held.name);
  END LOOP;
END $$;
