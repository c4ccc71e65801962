-- Rules of data quality, waivers and scores; findings that tell of a row, its project and who can mend it.

CREATE TABLE rule (
  id UUID NOT NULL,
  key TEXT NOT NULL,
  entity TEXT NOT NULL,
  condition TEXT NOT NULL,
  field TEXT,
  severity TEXT NOT NULL,
  message TEXT NOT NULL,
  hint TEXT,
  origin TEXT NOT NULL,
  active BOOLEAN,
  version TEXT NOT NULL,
  seq BIGINT,
  evaluated_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

COMMENT ON COLUMN rule.key IS 'Its code, as findings carry it.';
COMMENT ON COLUMN rule.entity IS 'The entity type whose rows it looks at.';
COMMENT ON COLUMN rule.condition IS 'A row is at fault when this filter finds it.';
COMMENT ON COLUMN rule.field IS 'The field that a finding points to.';
COMMENT ON COLUMN rule.severity IS 'How bad a finding is.';
COMMENT ON COLUMN rule.message IS 'What a finding says, with fields of the row in braces.';
COMMENT ON COLUMN rule.hint IS 'How it is mended.';
COMMENT ON COLUMN rule.origin IS 'Where it is written: `built in`, or file:line.';
COMMENT ON COLUMN rule.active IS 'Looked at; false once it is switched off or no longer written.';
COMMENT ON COLUMN rule.version IS 'Hash of all that it says; another one is looked at from scratch.';
COMMENT ON COLUMN rule.evaluated_at IS 'When rows were last looked at.';

CREATE TABLE waiver (
  id UUID NOT NULL,
  code TEXT NOT NULL,
  finding_id UUID,
  entity TEXT,
  entity_id UUID,
  reason TEXT NOT NULL,
  actor TEXT NOT NULL,
  waived_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE,
  ended_by TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX waiver_standing_ix ON waiver (code) WHERE ended_at IS NULL;

COMMENT ON COLUMN waiver.code IS 'Findings of this code …';
COMMENT ON COLUMN waiver.finding_id IS '… this one alone …';
COMMENT ON COLUMN waiver.entity IS '… or those about a row of this entity type …';
COMMENT ON COLUMN waiver.reason IS 'Why.';
COMMENT ON COLUMN waiver.actor IS 'Who decided.';
COMMENT ON COLUMN waiver.waived_at IS 'Since when.';
COMMENT ON COLUMN waiver.expires_at IS 'When it ends by itself.';
COMMENT ON COLUMN waiver.ended_at IS 'When it was taken back, or ended.';
COMMENT ON COLUMN waiver.ended_by IS 'Who took it back; `expiry` when it ended by itself.';

CREATE TABLE quality (
  id UUID NOT NULL,
  kind TEXT NOT NULL,
  key TEXT,
  project_id UUID,
  source_id UUID,
  rows INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  warnings INTEGER NOT NULL,
  infos INTEGER NOT NULL,
  waived INTEGER NOT NULL,
  score NUMERIC,
  measured_at TIMESTAMP WITH TIME ZONE NOT NULL,
  PRIMARY KEY (id)
);

CREATE INDEX quality_project_id_ix ON quality (project_id);
CREATE INDEX quality_source_id_ix ON quality (source_id);

COMMENT ON COLUMN quality.kind IS 'What is measured.';
COMMENT ON COLUMN quality.key IS 'What people call it.';
COMMENT ON COLUMN quality.project_id IS 'The project.';
COMMENT ON COLUMN quality.source_id IS 'The source.';
COMMENT ON COLUMN quality.rows IS 'Rows of the project, itself included; or records of the source.';
COMMENT ON COLUMN quality.errors IS 'Open findings that are errors.';
COMMENT ON COLUMN quality.warnings IS 'Open findings that are warnings.';
COMMENT ON COLUMN quality.infos IS 'Open findings that are to be known.';
COMMENT ON COLUMN quality.waived IS 'Findings that are waived; they count not.';
COMMENT ON COLUMN quality.score IS '0 to 100; errors count 1, warnings 0.5, the rest 0.1, per 100 rows.';
COMMENT ON COLUMN quality.measured_at IS 'When one of these numbers last changed.';

ALTER TABLE finding ADD COLUMN rule_id UUID;
ALTER TABLE finding ADD COLUMN project_id UUID;
ALTER TABLE finding ADD COLUMN owner_id UUID;
ALTER TABLE finding ADD COLUMN waiver_id UUID;
ALTER TABLE finding ADD COLUMN state TEXT GENERATED ALWAYS AS (
  CASE WHEN closed_at IS NOT NULL THEN 'closed' WHEN waiver_id IS NOT NULL THEN 'waived' ELSE 'open' END) STORED;

COMMENT ON COLUMN finding.rule_id IS 'The rule of data quality that found it.';
COMMENT ON COLUMN finding.project_id IS 'The project concerned.';
COMMENT ON COLUMN finding.owner_id IS 'Who answers for the row, and can mend it.';
COMMENT ON COLUMN finding.waiver_id IS 'The waiver under which it counts not.';

-- One rule's open findings, by row; those of a project; those of a code, for waivers.
CREATE INDEX finding_rule_id_ix ON finding (rule_id, entity_id);
CREATE INDEX finding_project_id_ix ON finding (project_id);
CREATE INDEX finding_code_ix ON finding (code) WHERE closed_at IS NULL;

-- The waiver that a finding stands under, if any: asked when a finding opens and when a waiver begins or ends.
CREATE FUNCTION standing_waiver(of_code TEXT, of_finding UUID, of_row UUID) RETURNS UUID
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT id FROM public.waiver
  WHERE ended_at IS NULL AND expires_at > now() AND code = of_code
    AND (finding_id IS NULL OR finding_id = of_finding) AND (entity_id IS NULL OR entity_id = of_row)
  ORDER BY expires_at DESC, id LIMIT 1
$$;

GRANT SELECT, INSERT, UPDATE ON rule, waiver, quality TO portbook_app;
