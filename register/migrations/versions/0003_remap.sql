-- Which mapping a source's records have all been said with, and no past claim where nothing else was said.

ALTER TABLE source ADD COLUMN mapped_with TEXT;
COMMENT ON COLUMN source.mapped_with IS 'Hash of the mapping that every record has been said with; empty while several were used.';

UPDATE source s SET mapped_with = s.mapping_version
WHERE s.mapping_version = (SELECT r.mapping_version FROM run r WHERE r.source = s.key AND r.mode = 'full'
                           AND r.state = 'succeeded' ORDER BY r.id DESC LIMIT 1);

DROP TRIGGER keep_claims_moved ON claim;

CREATE FUNCTION keep_moved_claims() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.claim_history (record_id, entity, own_id, entity_id, source, values, mapping, since, until)
  SELECT w.record_id, w.entity, w.own_id, w.entity_id, w.source, w.values, w.mapping, w.since, greatest(now(), w.since)
  FROM was w JOIN says s USING (record_id, entity, own_id)
  WHERE (w.entity_id, w.values) IS DISTINCT FROM (s.entity_id, s.values)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION keep_moved_claims() FROM PUBLIC;

CREATE TRIGGER keep_claims_moved AFTER UPDATE ON claim REFERENCING OLD TABLE AS was NEW TABLE AS says
FOR EACH STATEMENT EXECUTE FUNCTION keep_moved_claims();

CREATE TABLE outside (
  record_id UUID NOT NULL,
  source TEXT NOT NULL,
  PRIMARY KEY (record_id)
);

CREATE INDEX outside_source_ix ON outside (source);

COMMENT ON COLUMN outside.source IS 'The source.';

GRANT SELECT, INSERT, UPDATE, DELETE ON outside TO portbook_app;
