-- Identity, decisions and explanations: which ids are one and who says so, pinned values, old keys, which record
-- each value was chosen from, and what records said before.

DROP TABLE link;

CREATE TABLE link (
  id UUID NOT NULL,
  entity TEXT NOT NULL,
  first_id UUID NOT NULL,
  second_id UUID NOT NULL,
  first TEXT,
  second TEXT,
  state TEXT NOT NULL,
  rule TEXT NOT NULL,
  evidence TEXT,
  confidence NUMERIC,
  actor TEXT,
  reason TEXT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  decided_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

CREATE INDEX link_first_ix ON link (first_id);

CREATE INDEX link_second_ix ON link (second_id);

CREATE INDEX link_state_ix ON link (state, entity);

COMMENT ON COLUMN link.entity IS 'The entity type.';

COMMENT ON COLUMN link.first IS 'What the first is called, as `source:key`.';

COMMENT ON COLUMN link.second IS 'What the second is called, as `source:key`.';

COMMENT ON COLUMN link.state IS 'What follows from it: shown as one row; waits for a person; a person or the configuration took it back.';

COMMENT ON COLUMN link.rule IS 'What joined them: configured, match on a field, decision, or a suggestion.';

COMMENT ON COLUMN link.evidence IS 'The value that matched, the line of configuration, or what speaks for it.';

COMMENT ON COLUMN link.confidence IS 'Of a suggestion: 0 to 1.';

COMMENT ON COLUMN link.actor IS 'The person who decided.';

COMMENT ON COLUMN link.reason IS 'Why they decided so.';

COMMENT ON COLUMN link.created_at IS 'When it was first found.';

COMMENT ON COLUMN link.decided_at IS 'When a person decided.';

CREATE TABLE absorbed (
  id UUID NOT NULL,
  entity TEXT NOT NULL,
  entity_id UUID NOT NULL,
  PRIMARY KEY (id)
);

CREATE INDEX absorbed_entity_ix ON absorbed (entity_id);

COMMENT ON COLUMN absorbed.entity IS 'The entity type.';

CREATE TABLE pin (
  id UUID NOT NULL,
  entity TEXT NOT NULL,
  entity_id UUID NOT NULL,
  field TEXT NOT NULL,
  value JSONB,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  pinned_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE,
  released_at TIMESTAMP WITH TIME ZONE,
  released_by TEXT,
  PRIMARY KEY (id)
);

CREATE UNIQUE INDEX pin_open_ix ON pin (entity_id, field) WHERE released_at IS NULL;

COMMENT ON COLUMN pin.entity IS 'The entity type.';

COMMENT ON COLUMN pin.field IS 'The field.';

COMMENT ON COLUMN pin.value IS 'The value, as the API shows it; null: the field is empty.';

COMMENT ON COLUMN pin.reason IS 'Why.';

COMMENT ON COLUMN pin.actor IS 'Who decided.';

COMMENT ON COLUMN pin.pinned_at IS 'Since when.';

COMMENT ON COLUMN pin.expires_at IS 'When it ends by itself.';

COMMENT ON COLUMN pin.released_at IS 'When it was taken back, or ended.';

COMMENT ON COLUMN pin.released_by IS 'Who took it back; `expiry` when it ended by itself.';

CREATE TABLE lapse (
  source TEXT NOT NULL,
  after_s BIGINT NOT NULL,
  since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (source, after_s)
);

COMMENT ON COLUMN lapse.since IS 'When it was noticed.';

CREATE TABLE settled (
  one SERIAL NOT NULL,
  stamp BIGINT DEFAULT '0' NOT NULL,
  PRIMARY KEY (one)
);

CREATE TABLE former_key (
  entity TEXT NOT NULL,
  key TEXT NOT NULL,
  entity_id UUID NOT NULL,
  until TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (entity, key, entity_id)
);

COMMENT ON COLUMN former_key.until IS 'When it got another one.';

CREATE TABLE claim_history (
  record_id UUID NOT NULL,
  entity TEXT NOT NULL,
  own_id UUID NOT NULL,
  entity_id UUID NOT NULL,
  source TEXT NOT NULL,
  values JSONB NOT NULL,
  mapping TEXT,
  since TIMESTAMP WITH TIME ZONE NOT NULL,
  until TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (record_id, entity, own_id, since)
);

CREATE INDEX claim_history_entity_ix ON claim_history (entity_id, until);

COMMENT ON COLUMN claim_history.source IS 'The source.';

COMMENT ON COLUMN claim_history.mapping IS 'Version of the mapping that made it.';

COMMENT ON COLUMN claim_history.until IS 'Until when the record said it.';

CREATE TABLE mapping_used (
  source TEXT NOT NULL,
  version TEXT NOT NULL,
  rules JSONB,
  first_used_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (source, version)
);

COMMENT ON COLUMN mapping_used.rules IS 'Stream → entity → field → [file:line, what the line says].';

COMMENT ON COLUMN mapping_used.first_used_at IS 'When.';

ALTER TABLE claim ADD COLUMN since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL;
COMMENT ON COLUMN claim.since IS 'Since when the record says it.';
ALTER TABLE claim_history ALTER COLUMN values SET STORAGE EXTERNAL;

DO $$
DECLARE twin text;
DECLARE entity text;
BEGIN
  FOR twin IN
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname LIKE '%\_history'
      AND relname <> 'claim_history'
  LOOP
    entity := left(twin, -8);
    EXECUTE format('ALTER TABLE %I ADD COLUMN chosen JSONB', entity);
    EXECUTE format('ALTER TABLE %I ADD COLUMN chosen JSONB', twin);
    EXECUTE format('COMMENT ON COLUMN %I.chosen IS %L', entity,
      'Where several sources tell of the row or a value is pinned: field → [record id, the rule that chose it].');
    IF entity IN ('project', 'work_item', 'milestone') THEN
      EXECUTE format('ALTER TABLE %I ADD COLUMN same_as TEXT[]', entity);
      EXECUTE format('ALTER TABLE %I ADD COLUMN same_as TEXT[]', twin);
      EXECUTE format('COMMENT ON COLUMN %I.same_as IS %L', entity,
        'Addresses or keys of the same thing in other tools, as this one tells them.');
    END IF;
  END LOOP;
END $$;

-- What a record said is kept when it says something else, or says it of another row.
CREATE FUNCTION keep_claims() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO public.claim_history (record_id, entity, own_id, entity_id, source, values, mapping, since, until)
  SELECT record_id, entity, own_id, entity_id, source, values, mapping, since, greatest(now(), since) FROM was
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION keep_claims() FROM PUBLIC;

CREATE TRIGGER keep_claims_replaced AFTER DELETE ON claim REFERENCING OLD TABLE AS was
FOR EACH STATEMENT EXECUTE FUNCTION keep_claims();

CREATE TRIGGER keep_claims_moved AFTER UPDATE ON claim REFERENCING OLD TABLE AS was
FOR EACH STATEMENT EXECUTE FUNCTION keep_claims();

-- The stamp tells workers that what they remember of these tables is old. It is written under the identity lock.
INSERT INTO settled (one, stamp) VALUES (1, 1);

CREATE FUNCTION move_stamp() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE public.settled SET stamp = stamp + 1;
  RETURN NULL;
END $$;

REVOKE EXECUTE ON FUNCTION move_stamp() FROM PUBLIC;

CREATE TRIGGER move_stamp AFTER INSERT OR UPDATE OR DELETE ON absorbed
FOR EACH STATEMENT EXECUTE FUNCTION move_stamp();
CREATE TRIGGER move_stamp AFTER INSERT OR UPDATE OR DELETE ON link
FOR EACH STATEMENT EXECUTE FUNCTION move_stamp();
CREATE TRIGGER move_stamp AFTER INSERT OR UPDATE OR DELETE ON pin
FOR EACH STATEMENT EXECUTE FUNCTION move_stamp();
CREATE TRIGGER move_stamp AFTER INSERT OR UPDATE OR DELETE ON lapse
FOR EACH STATEMENT EXECUTE FUNCTION move_stamp();

GRANT SELECT ON link, absorbed, pin, lapse, settled, former_key, claim_history, mapping_used TO portbook_app;
GRANT INSERT, UPDATE ON link, absorbed, pin, lapse, former_key, mapping_used TO portbook_app;
GRANT DELETE ON absorbed, lapse TO portbook_app;
