-- Every table as first released. Generated once from the declarations; a test compares the two.

CREATE TABLE action (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  owner_id UUID,
  raised_on DATE,
  due_on DATE,
  closed_on DATE,
  priority TEXT,
  status TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX action_key_ix ON action (key);

CREATE INDEX action_owner_id_ix ON action (owner_id, key);

CREATE INDEX action_project_id_ix ON action (project_id, key);

COMMENT ON COLUMN action.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN action.title IS 'Its name in one line.';

COMMENT ON COLUMN action.description IS 'Plain text.';

COMMENT ON COLUMN action.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN action.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN action.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN action.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN action.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN action.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN action.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN action.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN action.version IS '1, then one more with each change.';

COMMENT ON COLUMN action.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN action.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN action.project_id IS 'The project concerned.';

COMMENT ON COLUMN action.owner_id IS 'Who does it.';

COMMENT ON COLUMN action.raised_on IS 'When it was agreed.';

COMMENT ON COLUMN action.due_on IS 'When it is due.';

COMMENT ON COLUMN action.closed_on IS 'When it was done.';

COMMENT ON COLUMN action.priority IS 'Priority, in the organisation''s words.';

COMMENT ON COLUMN action.status IS 'Where it stands.';

CREATE TABLE action_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  owner_id UUID,
  raised_on DATE,
  due_on DATE,
  closed_on DATE,
  priority TEXT,
  status TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN action_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE api_key (
  id UUID NOT NULL,
  name TEXT NOT NULL,
  hash BYTEA NOT NULL,
  prefix TEXT NOT NULL,
  scopes TEXT[],
  row_scope JSONB,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE,
  revoked_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id),
  UNIQUE (hash)
);

COMMENT ON COLUMN api_key.name IS 'Whose it is.';

COMMENT ON COLUMN api_key.prefix IS 'The first characters, to tell keys apart in lists.';

COMMENT ON COLUMN api_key.scopes IS 'What it may do.';

COMMENT ON COLUMN api_key.row_scope IS 'Portfolios, programmes and projects it may see; empty: all.';

COMMENT ON COLUMN api_key.created_at IS 'When it was made.';

COMMENT ON COLUMN api_key.expires_at IS 'When it ends.';

COMMENT ON COLUMN api_key.revoked_at IS 'When it was withdrawn.';

CREATE TABLE assignment (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  work_item_id UUID,
  project_id UUID,
  person_id UUID,
  role TEXT,
  units_percent NUMERIC,
  planned_hours NUMERIC,
  actual_hours NUMERIC,
  remaining_hours NUMERIC,
  start_on DATE,
  finish_on DATE,
  PRIMARY KEY (id)
);

CREATE INDEX assignment_key_ix ON assignment (key);

CREATE INDEX assignment_person_id_ix ON assignment (person_id, key);

CREATE INDEX assignment_project_id_ix ON assignment (project_id, key);

CREATE INDEX assignment_work_item_id_ix ON assignment (work_item_id, key);

COMMENT ON COLUMN assignment.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN assignment.title IS 'Its name in one line.';

COMMENT ON COLUMN assignment.description IS 'Plain text.';

COMMENT ON COLUMN assignment.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN assignment.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN assignment.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN assignment.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN assignment.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN assignment.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN assignment.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN assignment.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN assignment.version IS '1, then one more with each change.';

COMMENT ON COLUMN assignment.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN assignment.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN assignment.work_item_id IS 'What the person is put on.';

COMMENT ON COLUMN assignment.project_id IS 'The project, also for work items.';

COMMENT ON COLUMN assignment.person_id IS 'Who.';

COMMENT ON COLUMN assignment.role IS 'In which role.';

COMMENT ON COLUMN assignment.units_percent IS 'Share of a full-time week, 0 to 100 and above.';

COMMENT ON COLUMN assignment.planned_hours IS 'Planned effort.';

COMMENT ON COLUMN assignment.actual_hours IS 'Effort spent.';

COMMENT ON COLUMN assignment.remaining_hours IS 'Effort still expected.';

COMMENT ON COLUMN assignment.start_on IS 'First day.';

COMMENT ON COLUMN assignment.finish_on IS 'Last day.';

CREATE TABLE assignment_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  work_item_id UUID,
  project_id UUID,
  person_id UUID,
  role TEXT,
  units_percent NUMERIC,
  planned_hours NUMERIC,
  actual_hours NUMERIC,
  remaining_hours NUMERIC,
  start_on DATE,
  finish_on DATE,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN assignment_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE assumption (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  impact_text TEXT,
  confidence TEXT,
  owner_id UUID,
  raised_on DATE,
  validate_by_on DATE,
  status TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX assumption_key_ix ON assumption (key);

CREATE INDEX assumption_project_id_ix ON assumption (project_id, key);

COMMENT ON COLUMN assumption.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN assumption.title IS 'Its name in one line.';

COMMENT ON COLUMN assumption.description IS 'Plain text.';

COMMENT ON COLUMN assumption.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN assumption.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN assumption.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN assumption.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN assumption.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN assumption.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN assumption.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN assumption.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN assumption.version IS '1, then one more with each change.';

COMMENT ON COLUMN assumption.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN assumption.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN assumption.project_id IS 'The project concerned.';

COMMENT ON COLUMN assumption.impact_text IS 'What follows if it is wrong.';

COMMENT ON COLUMN assumption.confidence IS 'How sure, in the organisation''s words.';

COMMENT ON COLUMN assumption.owner_id IS 'Who checks it.';

COMMENT ON COLUMN assumption.raised_on IS 'When it was written down.';

COMMENT ON COLUMN assumption.validate_by_on IS 'When it should be checked.';

COMMENT ON COLUMN assumption.status IS 'Where it stands.';

CREATE TABLE assumption_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  impact_text TEXT,
  confidence TEXT,
  owner_id UUID,
  raised_on DATE,
  validate_by_on DATE,
  status TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN assumption_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE audit (
  seq BIGINT GENERATED ALWAYS AS IDENTITY,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT,
  detail JSONB,
  PRIMARY KEY (seq)
);

COMMENT ON COLUMN audit.actor IS 'Who.';

COMMENT ON COLUMN audit.action IS 'What.';

COMMENT ON COLUMN audit.subject IS 'On what.';

COMMENT ON COLUMN audit.detail IS 'With which values; never a secret.';

CREATE TABLE baseline (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  kind TEXT,
  approved_by_id UUID,
  taken_at TIMESTAMP WITH TIME ZONE,
  items JSONB,
  PRIMARY KEY (id)
);

CREATE INDEX baseline_key_ix ON baseline (key);

CREATE INDEX baseline_project_id_ix ON baseline (project_id, key);

COMMENT ON COLUMN baseline.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN baseline.title IS 'Its name in one line.';

COMMENT ON COLUMN baseline.description IS 'Plain text.';

COMMENT ON COLUMN baseline.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN baseline.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN baseline.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN baseline.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN baseline.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN baseline.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN baseline.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN baseline.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN baseline.version IS '1, then one more with each change.';

COMMENT ON COLUMN baseline.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN baseline.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN baseline.project_id IS 'The project, where it covers one.';

COMMENT ON COLUMN baseline.kind IS 'Why it was taken.';

COMMENT ON COLUMN baseline.approved_by_id IS 'Who approved it.';

COMMENT ON COLUMN baseline.taken_at IS 'When it was taken.';

COMMENT ON COLUMN baseline.items IS 'Frozen dates, hours and cost by row id.';

CREATE TABLE baseline_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  kind TEXT,
  approved_by_id UUID,
  taken_at TIMESTAMP WITH TIME ZONE,
  items JSONB,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN baseline_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE benefit (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  programme_id UUID,
  milestone_id UUID,
  kind TEXT,
  measure TEXT,
  unit TEXT,
  baseline_value NUMERIC,
  target_value NUMERIC,
  actual_value NUMERIC,
  currency TEXT,
  start_on DATE,
  target_on DATE,
  profile JSONB,
  owner_id UUID,
  status TEXT,
  tags TEXT[],
  PRIMARY KEY (id)
);

CREATE INDEX benefit_key_ix ON benefit (key);

CREATE INDEX benefit_milestone_id_ix ON benefit (milestone_id, key);

CREATE INDEX benefit_owner_id_ix ON benefit (owner_id, key);

CREATE INDEX benefit_programme_id_ix ON benefit (programme_id, key);

CREATE INDEX benefit_project_id_ix ON benefit (project_id, key);

COMMENT ON COLUMN benefit.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN benefit.title IS 'Its name in one line.';

COMMENT ON COLUMN benefit.description IS 'Plain text.';

COMMENT ON COLUMN benefit.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN benefit.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN benefit.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN benefit.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN benefit.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN benefit.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN benefit.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN benefit.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN benefit.version IS '1, then one more with each change.';

COMMENT ON COLUMN benefit.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN benefit.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN benefit.project_id IS 'The project that enables it.';

COMMENT ON COLUMN benefit.programme_id IS 'The programme that enables it.';

COMMENT ON COLUMN benefit.milestone_id IS 'The milestone that unlocks it.';

COMMENT ON COLUMN benefit.kind IS 'What kind.';

COMMENT ON COLUMN benefit.measure IS 'What is measured.';

COMMENT ON COLUMN benefit.unit IS 'In which unit.';

COMMENT ON COLUMN benefit.baseline_value IS 'Value before.';

COMMENT ON COLUMN benefit.target_value IS 'Value aimed at.';

COMMENT ON COLUMN benefit.actual_value IS 'Value now.';

COMMENT ON COLUMN benefit.currency IS 'ISO 4217 code, where the unit is money.';

COMMENT ON COLUMN benefit.start_on IS 'When it begins to be felt.';

COMMENT ON COLUMN benefit.target_on IS 'When the target should be reached.';

COMMENT ON COLUMN benefit.profile IS 'Per period: `{period, forecast, actual}`.';

COMMENT ON COLUMN benefit.owner_id IS 'Benefit owner.';

COMMENT ON COLUMN benefit.status IS 'Where it stands.';

COMMENT ON COLUMN benefit.tags IS 'Free labels.';

CREATE TABLE benefit_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  programme_id UUID,
  milestone_id UUID,
  kind TEXT,
  measure TEXT,
  unit TEXT,
  baseline_value NUMERIC,
  target_value NUMERIC,
  actual_value NUMERIC,
  currency TEXT,
  start_on DATE,
  target_on DATE,
  profile JSONB,
  owner_id UUID,
  status TEXT,
  tags TEXT[],
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN benefit_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE change_request (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  reason TEXT,
  impact_text TEXT,
  cost_impact NUMERIC,
  currency TEXT,
  days_impact INTEGER,
  requested_by_id UUID,
  raised_on DATE,
  decided_on DATE,
  status TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX change_request_key_ix ON change_request (key);

CREATE INDEX change_request_project_id_ix ON change_request (project_id, key);

COMMENT ON COLUMN change_request.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN change_request.title IS 'Its name in one line.';

COMMENT ON COLUMN change_request.description IS 'Plain text.';

COMMENT ON COLUMN change_request.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN change_request.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN change_request.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN change_request.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN change_request.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN change_request.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN change_request.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN change_request.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN change_request.version IS '1, then one more with each change.';

COMMENT ON COLUMN change_request.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN change_request.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN change_request.project_id IS 'The project concerned.';

COMMENT ON COLUMN change_request.reason IS 'Why it is asked for.';

COMMENT ON COLUMN change_request.impact_text IS 'What it would change in scope, time, cost, quality.';

COMMENT ON COLUMN change_request.cost_impact IS 'What it would cost, in `currency`.';

COMMENT ON COLUMN change_request.currency IS 'ISO 4217 code.';

COMMENT ON COLUMN change_request.days_impact IS 'Working days it would move the finish.';

COMMENT ON COLUMN change_request.requested_by_id IS 'Who asks.';

COMMENT ON COLUMN change_request.raised_on IS 'When it was raised.';

COMMENT ON COLUMN change_request.decided_on IS 'When it was decided.';

COMMENT ON COLUMN change_request.status IS 'Where it stands.';

CREATE TABLE change_request_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  reason TEXT,
  impact_text TEXT,
  cost_impact NUMERIC,
  currency TEXT,
  days_impact INTEGER,
  requested_by_id UUID,
  raised_on DATE,
  decided_on DATE,
  status TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN change_request_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE claim (
  record_id UUID NOT NULL,
  entity TEXT NOT NULL,
  own_id UUID NOT NULL,
  entity_id UUID NOT NULL,
  source TEXT NOT NULL,
  values JSONB NOT NULL,
  mapping TEXT,
  PRIMARY KEY (record_id, entity, own_id)
);

CREATE INDEX claim_entity_ix ON claim (entity_id);

COMMENT ON COLUMN claim.source IS 'The source.';

COMMENT ON COLUMN claim.mapping IS 'Version of the mapping that made it.';

CREATE TABLE conflict (
  id UUID NOT NULL,
  entity TEXT NOT NULL,
  entity_id UUID NOT NULL,
  field TEXT NOT NULL,
  values JSONB,
  winner TEXT,
  rule TEXT,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

COMMENT ON COLUMN conflict.entity IS 'The entity type.';

COMMENT ON COLUMN conflict.field IS 'The field.';

COMMENT ON COLUMN conflict.values IS 'What each source says.';

COMMENT ON COLUMN conflict.winner IS 'The source whose value is shown.';

COMMENT ON COLUMN conflict.rule IS 'The precedence rule that chose.';

COMMENT ON COLUMN conflict.opened_at IS 'Since when.';

COMMENT ON COLUMN conflict.closed_at IS 'When they agreed again.';

CREATE TABLE cost_line (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  basis TEXT,
  category TEXT,
  period_start_on DATE,
  period_finish_on DATE,
  amount NUMERIC,
  currency TEXT,
  supplier TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX cost_line_key_ix ON cost_line (key);

CREATE INDEX cost_line_project_id_ix ON cost_line (project_id, key);

COMMENT ON COLUMN cost_line.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN cost_line.title IS 'Its name in one line.';

COMMENT ON COLUMN cost_line.description IS 'Plain text.';

COMMENT ON COLUMN cost_line.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN cost_line.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN cost_line.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN cost_line.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN cost_line.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN cost_line.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN cost_line.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN cost_line.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN cost_line.version IS '1, then one more with each change.';

COMMENT ON COLUMN cost_line.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN cost_line.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN cost_line.project_id IS 'The project.';

COMMENT ON COLUMN cost_line.basis IS 'What the amount is.';

COMMENT ON COLUMN cost_line.category IS 'Cost category: staff, licences, capital …';

COMMENT ON COLUMN cost_line.period_start_on IS 'First day of the period.';

COMMENT ON COLUMN cost_line.period_finish_on IS 'Last day of the period.';

COMMENT ON COLUMN cost_line.amount IS 'Amount, in `currency`.';

COMMENT ON COLUMN cost_line.currency IS 'ISO 4217 code.';

COMMENT ON COLUMN cost_line.supplier IS 'Whom it is paid to.';

CREATE TABLE cost_line_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  basis TEXT,
  category TEXT,
  period_start_on DATE,
  period_finish_on DATE,
  amount NUMERIC,
  currency TEXT,
  supplier TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN cost_line_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE decision (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  rationale TEXT,
  options TEXT,
  decided_by_id UUID,
  decided_by_text TEXT,
  needed_by_on DATE,
  decided_on DATE,
  status TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX decision_key_ix ON decision (key);

CREATE INDEX decision_project_id_ix ON decision (project_id, key);

COMMENT ON COLUMN decision.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN decision.title IS 'Its name in one line.';

COMMENT ON COLUMN decision.description IS 'Plain text.';

COMMENT ON COLUMN decision.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN decision.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN decision.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN decision.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN decision.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN decision.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN decision.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN decision.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN decision.version IS '1, then one more with each change.';

COMMENT ON COLUMN decision.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN decision.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN decision.project_id IS 'The project concerned.';

COMMENT ON COLUMN decision.rationale IS 'Why.';

COMMENT ON COLUMN decision.options IS 'What else was considered.';

COMMENT ON COLUMN decision.decided_by_id IS 'Who decided.';

COMMENT ON COLUMN decision.decided_by_text IS 'Who decided, as written (a board).';

COMMENT ON COLUMN decision.needed_by_on IS 'When it was, or is, needed.';

COMMENT ON COLUMN decision.decided_on IS 'When it was taken.';

COMMENT ON COLUMN decision.status IS 'Where it stands.';

CREATE TABLE decision_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  rationale TEXT,
  options TEXT,
  decided_by_id UUID,
  decided_by_text TEXT,
  needed_by_on DATE,
  decided_on DATE,
  status TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN decision_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE deliverable (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  version_label TEXT,
  ci_status TEXT,
  owner_id UUID,
  due_on DATE,
  accepted_on DATE,
  location_url TEXT,
  last_audit_on DATE,
  audit_result TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX deliverable_key_ix ON deliverable (key);

CREATE INDEX deliverable_project_id_ix ON deliverable (project_id, key);

COMMENT ON COLUMN deliverable.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN deliverable.title IS 'Its name in one line.';

COMMENT ON COLUMN deliverable.description IS 'Plain text.';

COMMENT ON COLUMN deliverable.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN deliverable.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN deliverable.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN deliverable.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN deliverable.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN deliverable.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN deliverable.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN deliverable.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN deliverable.version IS '1, then one more with each change.';

COMMENT ON COLUMN deliverable.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN deliverable.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN deliverable.project_id IS 'The project that makes it.';

COMMENT ON COLUMN deliverable.version_label IS 'The product''s own version.';

COMMENT ON COLUMN deliverable.ci_status IS 'Where it stands.';

COMMENT ON COLUMN deliverable.owner_id IS 'Who makes it.';

COMMENT ON COLUMN deliverable.due_on IS 'When it is due.';

COMMENT ON COLUMN deliverable.accepted_on IS 'When it was accepted.';

COMMENT ON COLUMN deliverable.location_url IS 'Where it is kept.';

COMMENT ON COLUMN deliverable.last_audit_on IS 'When its status was last audited.';

COMMENT ON COLUMN deliverable.audit_result IS 'What the audit found.';

CREATE TABLE deliverable_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  version_label TEXT,
  ci_status TEXT,
  owner_id UUID,
  due_on DATE,
  accepted_on DATE,
  location_url TEXT,
  last_audit_on DATE,
  audit_result TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN deliverable_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE dependency (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  kind TEXT,
  kind_source TEXT,
  from_work_item_id UUID,
  to_work_item_id UUID,
  from_milestone_id UUID,
  to_milestone_id UUID,
  from_project_id UUID,
  to_project_id UUID,
  lag_days NUMERIC,
  need_by_on DATE,
  promised_on DATE,
  status TEXT,
  owner_id UUID,
  PRIMARY KEY (id)
);

CREATE INDEX dependency_from_milestone_id_ix ON dependency (from_milestone_id, key);

CREATE INDEX dependency_from_project_id_ix ON dependency (from_project_id, key);

CREATE INDEX dependency_from_work_item_id_ix ON dependency (from_work_item_id, key);

CREATE INDEX dependency_key_ix ON dependency (key);

CREATE INDEX dependency_to_milestone_id_ix ON dependency (to_milestone_id, key);

CREATE INDEX dependency_to_project_id_ix ON dependency (to_project_id, key);

CREATE INDEX dependency_to_work_item_id_ix ON dependency (to_work_item_id, key);

COMMENT ON COLUMN dependency.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN dependency.title IS 'Its name in one line.';

COMMENT ON COLUMN dependency.description IS 'Plain text.';

COMMENT ON COLUMN dependency.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN dependency.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN dependency.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN dependency.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN dependency.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN dependency.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN dependency.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN dependency.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN dependency.version IS '1, then one more with each change.';

COMMENT ON COLUMN dependency.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN dependency.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN dependency.kind IS 'How they are tied.';

COMMENT ON COLUMN dependency.kind_source IS 'The tool''s own word for the link.';

COMMENT ON COLUMN dependency.from_work_item_id IS 'The predecessor, or what blocks.';

COMMENT ON COLUMN dependency.to_work_item_id IS 'The successor, or what is blocked.';

COMMENT ON COLUMN dependency.from_milestone_id IS 'The predecessor, a milestone.';

COMMENT ON COLUMN dependency.to_milestone_id IS 'The successor, a milestone.';

COMMENT ON COLUMN dependency.from_project_id IS 'The giving project.';

COMMENT ON COLUMN dependency.to_project_id IS 'The receiving project.';

COMMENT ON COLUMN dependency.lag_days IS 'Working days between the two; negative is a lead.';

COMMENT ON COLUMN dependency.need_by_on IS 'When the receiver needs it.';

COMMENT ON COLUMN dependency.promised_on IS 'When the giver promises it.';

COMMENT ON COLUMN dependency.status IS 'Where it stands.';

COMMENT ON COLUMN dependency.owner_id IS 'Who looks after it.';

CREATE TABLE dependency_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  kind TEXT,
  kind_source TEXT,
  from_work_item_id UUID,
  to_work_item_id UUID,
  from_milestone_id UUID,
  to_milestone_id UUID,
  from_project_id UUID,
  to_project_id UUID,
  lag_days NUMERIC,
  need_by_on DATE,
  promised_on DATE,
  status TEXT,
  owner_id UUID,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN dependency_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE event (
  seq BIGINT GENERATED ALWAYS AS IDENTITY,
  type TEXT NOT NULL,
  entity TEXT NOT NULL,
  entity_id UUID NOT NULL,
  version INTEGER NOT NULL,
  changed JSONB,
  cause TEXT,
  run_id BIGINT,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (seq)
);

CREATE INDEX event_entity_ix ON event (entity_id, version);

COMMENT ON COLUMN event.type IS 'What happened.';

COMMENT ON COLUMN event.entity IS 'The entity type.';

COMMENT ON COLUMN event.version IS 'The version this made.';

COMMENT ON COLUMN event.changed IS 'Field → [before, after]; empty for a new row.';

COMMENT ON COLUMN event.cause IS 'Why: sync, remap, link …';

CREATE TABLE finding (
  id UUID NOT NULL,
  code TEXT NOT NULL,
  severity TEXT NOT NULL,
  source TEXT,
  stream TEXT,
  record_id UUID,
  entity TEXT,
  entity_id UUID,
  field TEXT,
  value TEXT,
  message TEXT NOT NULL,
  detail TEXT,
  hint TEXT,
  run_id BIGINT,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

CREATE INDEX finding_open_ix ON finding (source, code) WHERE closed_at IS NULL;

CREATE INDEX finding_record_ix ON finding (record_id);

COMMENT ON COLUMN finding.code IS 'Stable code.';

COMMENT ON COLUMN finding.severity IS 'How bad.';

COMMENT ON COLUMN finding.source IS 'The source.';

COMMENT ON COLUMN finding.stream IS 'The kind of record.';

COMMENT ON COLUMN finding.entity IS 'The entity type.';

COMMENT ON COLUMN finding.field IS 'The field concerned.';

COMMENT ON COLUMN finding.value IS 'The value as the tool sent it, shortened.';

COMMENT ON COLUMN finding.message IS 'What is wrong.';

COMMENT ON COLUMN finding.detail IS 'Where.';

COMMENT ON COLUMN finding.hint IS 'What to do next.';

COMMENT ON COLUMN finding.opened_at IS 'When it was first noticed.';

COMMENT ON COLUMN finding.closed_at IS 'When it was gone.';

CREATE TABLE gate_review (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  gate TEXT,
  planned_on DATE,
  held_on DATE,
  rating TEXT,
  outcome TEXT,
  chair_id UUID,
  PRIMARY KEY (id)
);

CREATE INDEX gate_review_key_ix ON gate_review (key);

CREATE INDEX gate_review_project_id_ix ON gate_review (project_id, key);

COMMENT ON COLUMN gate_review.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN gate_review.title IS 'Its name in one line.';

COMMENT ON COLUMN gate_review.description IS 'Plain text.';

COMMENT ON COLUMN gate_review.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN gate_review.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN gate_review.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN gate_review.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN gate_review.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN gate_review.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN gate_review.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN gate_review.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN gate_review.version IS '1, then one more with each change.';

COMMENT ON COLUMN gate_review.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN gate_review.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN gate_review.project_id IS 'The project reviewed.';

COMMENT ON COLUMN gate_review.gate IS 'Which gate.';

COMMENT ON COLUMN gate_review.planned_on IS 'When it should be held.';

COMMENT ON COLUMN gate_review.held_on IS 'When it was held.';

COMMENT ON COLUMN gate_review.rating IS 'Delivery confidence.';

COMMENT ON COLUMN gate_review.outcome IS 'What was decided.';

COMMENT ON COLUMN gate_review.chair_id IS 'Who led it.';

CREATE TABLE gate_review_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  gate TEXT,
  planned_on DATE,
  held_on DATE,
  rating TEXT,
  outcome TEXT,
  chair_id UUID,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN gate_review_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE issue (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  kind TEXT,
  severity TEXT,
  priority TEXT,
  impact_text TEXT,
  response TEXT,
  raised_by_id UUID,
  owner_id UUID,
  raised_on DATE,
  due_on DATE,
  closed_on DATE,
  status TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX issue_key_ix ON issue (key);

CREATE INDEX issue_owner_id_ix ON issue (owner_id, key);

CREATE INDEX issue_project_id_ix ON issue (project_id, key);

COMMENT ON COLUMN issue.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN issue.title IS 'Its name in one line.';

COMMENT ON COLUMN issue.description IS 'Plain text.';

COMMENT ON COLUMN issue.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN issue.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN issue.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN issue.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN issue.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN issue.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN issue.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN issue.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN issue.version IS '1, then one more with each change.';

COMMENT ON COLUMN issue.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN issue.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN issue.project_id IS 'The project concerned.';

COMMENT ON COLUMN issue.kind IS 'What kind.';

COMMENT ON COLUMN issue.severity IS 'How bad, in the organisation''s words.';

COMMENT ON COLUMN issue.priority IS 'Priority, in the organisation''s words.';

COMMENT ON COLUMN issue.impact_text IS 'What it does to the objectives.';

COMMENT ON COLUMN issue.response IS 'What is done about it.';

COMMENT ON COLUMN issue.raised_by_id IS 'Who raised it.';

COMMENT ON COLUMN issue.owner_id IS 'Who resolves it.';

COMMENT ON COLUMN issue.raised_on IS 'When it was raised.';

COMMENT ON COLUMN issue.due_on IS 'When it should be resolved.';

COMMENT ON COLUMN issue.closed_on IS 'When it was closed.';

COMMENT ON COLUMN issue.status IS 'Where it stands.';

CREATE TABLE issue_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  kind TEXT,
  severity TEXT,
  priority TEXT,
  impact_text TEXT,
  response TEXT,
  raised_by_id UUID,
  owner_id UUID,
  raised_on DATE,
  due_on DATE,
  closed_on DATE,
  status TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN issue_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE iteration (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  team TEXT,
  start_on DATE,
  finish_on DATE,
  completed_at TIMESTAMP WITH TIME ZONE,
  state TEXT,
  goal TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX iteration_key_ix ON iteration (key);

CREATE INDEX iteration_project_id_ix ON iteration (project_id, key);

COMMENT ON COLUMN iteration.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN iteration.title IS 'Its name in one line.';

COMMENT ON COLUMN iteration.description IS 'Plain text.';

COMMENT ON COLUMN iteration.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN iteration.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN iteration.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN iteration.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN iteration.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN iteration.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN iteration.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN iteration.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN iteration.version IS '1, then one more with each change.';

COMMENT ON COLUMN iteration.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN iteration.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN iteration.project_id IS 'The project, where it serves one.';

COMMENT ON COLUMN iteration.team IS 'Team or board it belongs to.';

COMMENT ON COLUMN iteration.start_on IS 'First day.';

COMMENT ON COLUMN iteration.finish_on IS 'Last day.';

COMMENT ON COLUMN iteration.completed_at IS 'When the team closed it.';

COMMENT ON COLUMN iteration.state IS 'Where it stands.';

COMMENT ON COLUMN iteration.goal IS 'What the team wants to reach with it.';

CREATE TABLE iteration_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  team TEXT,
  start_on DATE,
  finish_on DATE,
  completed_at TIMESTAMP WITH TIME ZONE,
  state TEXT,
  goal TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN iteration_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE lease (
  name TEXT NOT NULL,
  token BIGINT DEFAULT '0' NOT NULL,
  holder TEXT,
  expires_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (name)
);

COMMENT ON COLUMN lease.holder IS 'Who holds it.';

COMMENT ON COLUMN lease.expires_at IS 'Until when.';

CREATE TABLE lesson (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  category TEXT,
  event TEXT,
  effect TEXT,
  recommendation TEXT,
  owner_id UUID,
  raised_on DATE,
  status TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX lesson_key_ix ON lesson (key);

CREATE INDEX lesson_project_id_ix ON lesson (project_id, key);

COMMENT ON COLUMN lesson.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN lesson.title IS 'Its name in one line.';

COMMENT ON COLUMN lesson.description IS 'Plain text.';

COMMENT ON COLUMN lesson.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN lesson.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN lesson.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN lesson.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN lesson.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN lesson.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN lesson.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN lesson.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN lesson.version IS '1, then one more with each change.';

COMMENT ON COLUMN lesson.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN lesson.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN lesson.project_id IS 'Where it was learnt.';

COMMENT ON COLUMN lesson.category IS 'Category, in the organisation''s words.';

COMMENT ON COLUMN lesson.event IS 'What happened.';

COMMENT ON COLUMN lesson.effect IS 'What it led to.';

COMMENT ON COLUMN lesson.recommendation IS 'What to do next time.';

COMMENT ON COLUMN lesson.owner_id IS 'Who passes it on.';

COMMENT ON COLUMN lesson.raised_on IS 'When it was written down.';

COMMENT ON COLUMN lesson.status IS 'Where it stands.';

CREATE TABLE lesson_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  category TEXT,
  event TEXT,
  effect TEXT,
  recommendation TEXT,
  owner_id UUID,
  raised_on DATE,
  status TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN lesson_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE link (
  id UUID NOT NULL,
  entity TEXT NOT NULL,
  entity_id UUID NOT NULL,
  source TEXT,
  source_id TEXT,
  rule TEXT NOT NULL,
  evidence TEXT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (id)
);

CREATE INDEX link_entity_ix ON link (entity_id);

COMMENT ON COLUMN link.entity IS 'The entity type.';

COMMENT ON COLUMN link.source IS 'The source of the absorbed id.';

COMMENT ON COLUMN link.source_id IS 'The source''s word for it.';

COMMENT ON COLUMN link.rule IS 'Which rule joined them: configured, or match on a field.';

COMMENT ON COLUMN link.evidence IS 'The value that matched, or the line of configuration.';

COMMENT ON COLUMN link.created_at IS 'When.';

CREATE TABLE milestone (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  kind TEXT,
  baseline_on DATE,
  planned_on DATE,
  forecast_on DATE,
  actual_on DATE,
  status TEXT,
  slip_days INTEGER,
  owner_id UUID,
  PRIMARY KEY (id)
);

CREATE INDEX milestone_key_ix ON milestone (key);

CREATE INDEX milestone_project_id_ix ON milestone (project_id, key);

COMMENT ON COLUMN milestone.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN milestone.title IS 'Its name in one line.';

COMMENT ON COLUMN milestone.description IS 'Plain text.';

COMMENT ON COLUMN milestone.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN milestone.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN milestone.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN milestone.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN milestone.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN milestone.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN milestone.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN milestone.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN milestone.version IS '1, then one more with each change.';

COMMENT ON COLUMN milestone.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN milestone.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN milestone.project_id IS 'The project it belongs to.';

COMMENT ON COLUMN milestone.kind IS 'What kind of point.';

COMMENT ON COLUMN milestone.baseline_on IS 'Date in the approved baseline.';

COMMENT ON COLUMN milestone.planned_on IS 'Date in the current plan.';

COMMENT ON COLUMN milestone.forecast_on IS 'Date as now expected.';

COMMENT ON COLUMN milestone.actual_on IS 'When it was reached.';

COMMENT ON COLUMN milestone.status IS 'Where it stands.';

COMMENT ON COLUMN milestone.slip_days IS 'Working days (Monday to Friday) that actual, else forecast, else planned lies after the baseline; negative when earlier. Computed here.';

COMMENT ON COLUMN milestone.owner_id IS 'Who answers for it.';

CREATE TABLE milestone_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  kind TEXT,
  baseline_on DATE,
  planned_on DATE,
  forecast_on DATE,
  actual_on DATE,
  status TEXT,
  slip_days INTEGER,
  owner_id UUID,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN milestone_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE objective (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  portfolio_id UUID,
  weight NUMERIC,
  owner_id UUID,
  measure TEXT,
  target NUMERIC,
  target_on DATE,
  PRIMARY KEY (id)
);

CREATE INDEX objective_key_ix ON objective (key);

CREATE INDEX objective_portfolio_id_ix ON objective (portfolio_id, key);

COMMENT ON COLUMN objective.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN objective.title IS 'Its name in one line.';

COMMENT ON COLUMN objective.description IS 'Plain text.';

COMMENT ON COLUMN objective.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN objective.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN objective.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN objective.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN objective.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN objective.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN objective.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN objective.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN objective.version IS '1, then one more with each change.';

COMMENT ON COLUMN objective.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN objective.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN objective.portfolio_id IS 'The portfolio that serves it.';

COMMENT ON COLUMN objective.weight IS 'How much it counts in prioritisation.';

COMMENT ON COLUMN objective.owner_id IS 'Who answers for it.';

COMMENT ON COLUMN objective.measure IS 'How it is measured.';

COMMENT ON COLUMN objective.target IS 'The value aimed at.';

COMMENT ON COLUMN objective.target_on IS 'When it should be reached.';

CREATE TABLE objective_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  portfolio_id UUID,
  weight NUMERIC,
  owner_id UUID,
  measure TEXT,
  target NUMERIC,
  target_on DATE,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN objective_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE partition_cursor (
  source TEXT NOT NULL,
  name TEXT NOT NULL,
  cursor JSONB,
  PRIMARY KEY (source, name)
);

COMMENT ON COLUMN partition_cursor.cursor IS 'The adapter''s own words.';

CREATE TABLE person (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  email TEXT,
  accounts JSONB,
  active BOOLEAN,
  role TEXT,
  team TEXT,
  timezone TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX person_key_ix ON person (key);

COMMENT ON COLUMN person.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN person.title IS 'Its name in one line.';

COMMENT ON COLUMN person.description IS 'Plain text.';

COMMENT ON COLUMN person.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN person.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN person.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN person.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN person.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN person.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN person.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN person.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN person.version IS '1, then one more with each change.';

COMMENT ON COLUMN person.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN person.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN person.email IS 'E-mail address, lower case; hidden by privacy settings in some tools.';

COMMENT ON COLUMN person.accounts IS 'The person''s account in each source.';

COMMENT ON COLUMN person.active IS 'The account can still sign in.';

COMMENT ON COLUMN person.role IS 'Role or job title.';

COMMENT ON COLUMN person.team IS 'Team or department.';

COMMENT ON COLUMN person.timezone IS 'IANA name.';

CREATE TABLE person_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  email TEXT,
  accounts JSONB,
  active BOOLEAN,
  role TEXT,
  team TEXT,
  timezone TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN person_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE portfolio (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  owner_id UUID,
  manager_id UUID,
  objectives_text TEXT,
  rag_reported TEXT,
  status TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX portfolio_key_ix ON portfolio (key);

CREATE INDEX portfolio_owner_id_ix ON portfolio (owner_id, key);

COMMENT ON COLUMN portfolio.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN portfolio.title IS 'Its name in one line.';

COMMENT ON COLUMN portfolio.description IS 'Plain text.';

COMMENT ON COLUMN portfolio.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN portfolio.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN portfolio.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN portfolio.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN portfolio.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN portfolio.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN portfolio.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN portfolio.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN portfolio.version IS '1, then one more with each change.';

COMMENT ON COLUMN portfolio.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN portfolio.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN portfolio.owner_id IS 'Who answers for it.';

COMMENT ON COLUMN portfolio.manager_id IS 'Who runs it day to day.';

COMMENT ON COLUMN portfolio.objectives_text IS 'What it is meant to achieve.';

COMMENT ON COLUMN portfolio.rag_reported IS 'Red, amber or green as reported.';

COMMENT ON COLUMN portfolio.status IS 'Whether it is running.';

CREATE TABLE portfolio_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  owner_id UUID,
  manager_id UUID,
  objectives_text TEXT,
  rag_reported TEXT,
  status TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN portfolio_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE programme (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  portfolio_id UUID,
  sro_id UUID,
  manager_id UUID,
  objectives_text TEXT,
  rag_reported TEXT,
  status TEXT,
  start_on DATE,
  finish_on DATE,
  budget NUMERIC,
  currency TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX programme_key_ix ON programme (key);

CREATE INDEX programme_portfolio_id_ix ON programme (portfolio_id, key);

CREATE INDEX programme_sro_id_ix ON programme (sro_id, key);

COMMENT ON COLUMN programme.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN programme.title IS 'Its name in one line.';

COMMENT ON COLUMN programme.description IS 'Plain text.';

COMMENT ON COLUMN programme.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN programme.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN programme.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN programme.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN programme.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN programme.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN programme.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN programme.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN programme.version IS '1, then one more with each change.';

COMMENT ON COLUMN programme.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN programme.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN programme.portfolio_id IS 'The portfolio it belongs to.';

COMMENT ON COLUMN programme.sro_id IS 'Senior responsible owner.';

COMMENT ON COLUMN programme.manager_id IS 'Programme manager.';

COMMENT ON COLUMN programme.objectives_text IS 'What it is meant to achieve.';

COMMENT ON COLUMN programme.rag_reported IS 'Red, amber or green as reported.';

COMMENT ON COLUMN programme.status IS 'Whether it is running.';

COMMENT ON COLUMN programme.start_on IS 'Planned start.';

COMMENT ON COLUMN programme.finish_on IS 'Planned finish.';

COMMENT ON COLUMN programme.budget IS 'Approved budget, in `currency`.';

COMMENT ON COLUMN programme.currency IS 'ISO 4217 code.';

CREATE TABLE programme_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  portfolio_id UUID,
  sro_id UUID,
  manager_id UUID,
  objectives_text TEXT,
  rag_reported TEXT,
  status TEXT,
  start_on DATE,
  finish_on DATE,
  budget NUMERIC,
  currency TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN programme_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE project (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  code TEXT,
  programme_id UUID,
  portfolio_id UUID,
  stage TEXT,
  category TEXT,
  delivery_method TEXT,
  sponsor_id UUID,
  manager_id UUID,
  priority TEXT,
  start_planned_on DATE,
  start_baseline_on DATE,
  start_forecast_on DATE,
  start_actual_on DATE,
  finish_planned_on DATE,
  finish_baseline_on DATE,
  finish_forecast_on DATE,
  finish_actual_on DATE,
  percent_complete NUMERIC,
  budget NUMERIC,
  forecast_cost NUMERIC,
  actual_cost NUMERIC,
  currency TEXT,
  rag_reported TEXT,
  rag_assured TEXT,
  rag_computed TEXT,
  rag_reasons TEXT[],
  tags TEXT[],
  PRIMARY KEY (id)
);

CREATE INDEX project_key_ix ON project (key);

CREATE INDEX project_manager_id_ix ON project (manager_id, key);

CREATE INDEX project_portfolio_id_ix ON project (portfolio_id, key);

CREATE INDEX project_programme_id_ix ON project (programme_id, key);

CREATE INDEX project_sponsor_id_ix ON project (sponsor_id, key);

COMMENT ON COLUMN project.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN project.title IS 'Its name in one line.';

COMMENT ON COLUMN project.description IS 'Plain text.';

COMMENT ON COLUMN project.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN project.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN project.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN project.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN project.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN project.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN project.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN project.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN project.version IS '1, then one more with each change.';

COMMENT ON COLUMN project.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN project.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN project.code IS 'The organisation''s own project code; joins tools where a match rule says so.';

COMMENT ON COLUMN project.programme_id IS 'The programme it belongs to.';

COMMENT ON COLUMN project.portfolio_id IS 'Its portfolio, where it has no programme.';

COMMENT ON COLUMN project.stage IS 'Where it is in its life.';

COMMENT ON COLUMN project.category IS 'Kind of project, in the organisation''s words.';

COMMENT ON COLUMN project.delivery_method IS 'How it is run.';

COMMENT ON COLUMN project.sponsor_id IS 'Who wants it and answers for the benefits.';

COMMENT ON COLUMN project.manager_id IS 'Project manager, or the tool''s project lead.';

COMMENT ON COLUMN project.priority IS 'Priority, in the organisation''s words.';

COMMENT ON COLUMN project.start_planned_on IS 'Planned start.';

COMMENT ON COLUMN project.start_baseline_on IS 'Start in the approved baseline.';

COMMENT ON COLUMN project.start_forecast_on IS 'Start as now expected.';

COMMENT ON COLUMN project.start_actual_on IS 'When it did start.';

COMMENT ON COLUMN project.finish_planned_on IS 'Planned finish.';

COMMENT ON COLUMN project.finish_baseline_on IS 'Finish in the approved baseline.';

COMMENT ON COLUMN project.finish_forecast_on IS 'Finish as now expected.';

COMMENT ON COLUMN project.finish_actual_on IS 'When it did finish.';

COMMENT ON COLUMN project.percent_complete IS '0 to 100.';

COMMENT ON COLUMN project.budget IS 'Approved budget, in `currency`.';

COMMENT ON COLUMN project.forecast_cost IS 'Cost at completion as now expected.';

COMMENT ON COLUMN project.actual_cost IS 'Spent so far.';

COMMENT ON COLUMN project.currency IS 'ISO 4217 code.';

COMMENT ON COLUMN project.rag_reported IS 'Red, amber or green as the project reports it.';

COMMENT ON COLUMN project.rag_assured IS 'As independent assurance sees it.';

COMMENT ON COLUMN project.rag_computed IS 'As the register computes it.';

COMMENT ON COLUMN project.rag_reasons IS 'Why `rag_computed` is what it is.';

COMMENT ON COLUMN project.tags IS 'Free labels.';

CREATE TABLE project_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  code TEXT,
  programme_id UUID,
  portfolio_id UUID,
  stage TEXT,
  category TEXT,
  delivery_method TEXT,
  sponsor_id UUID,
  manager_id UUID,
  priority TEXT,
  start_planned_on DATE,
  start_baseline_on DATE,
  start_forecast_on DATE,
  start_actual_on DATE,
  finish_planned_on DATE,
  finish_baseline_on DATE,
  finish_forecast_on DATE,
  finish_actual_on DATE,
  percent_complete NUMERIC,
  budget NUMERIC,
  forecast_cost NUMERIC,
  actual_cost NUMERIC,
  currency TEXT,
  rag_reported TEXT,
  rag_assured TEXT,
  rag_computed TEXT,
  rag_reasons TEXT[],
  tags TEXT[],
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN project_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE recommendation (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  gate_review_id UUID,
  project_id UUID,
  urgency TEXT,
  owner_id UUID,
  due_on DATE,
  closed_on DATE,
  state TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX recommendation_gate_review_id_ix ON recommendation (gate_review_id, key);

CREATE INDEX recommendation_key_ix ON recommendation (key);

CREATE INDEX recommendation_project_id_ix ON recommendation (project_id, key);

COMMENT ON COLUMN recommendation.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN recommendation.title IS 'Its name in one line.';

COMMENT ON COLUMN recommendation.description IS 'Plain text.';

COMMENT ON COLUMN recommendation.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN recommendation.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN recommendation.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN recommendation.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN recommendation.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN recommendation.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN recommendation.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN recommendation.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN recommendation.version IS '1, then one more with each change.';

COMMENT ON COLUMN recommendation.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN recommendation.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN recommendation.gate_review_id IS 'The review it comes from.';

COMMENT ON COLUMN recommendation.project_id IS 'The project it concerns.';

COMMENT ON COLUMN recommendation.urgency IS 'How soon.';

COMMENT ON COLUMN recommendation.owner_id IS 'Who carries it out.';

COMMENT ON COLUMN recommendation.due_on IS 'When it is due.';

COMMENT ON COLUMN recommendation.closed_on IS 'When it was done.';

COMMENT ON COLUMN recommendation.state IS 'Where it stands.';

CREATE TABLE recommendation_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  gate_review_id UUID,
  project_id UUID,
  urgency TEXT,
  owner_id UUID,
  due_on DATE,
  closed_on DATE,
  state TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN recommendation_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE rejection (
  id UUID NOT NULL,
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  source_id TEXT NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  detail TEXT,
  hint TEXT,
  payload BYTEA NOT NULL,
  run_id BIGINT,
  rejected_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  resolved_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

COMMENT ON COLUMN rejection.source IS 'The source.';

COMMENT ON COLUMN rejection.stream IS 'The kind of record.';

COMMENT ON COLUMN rejection.source_id IS 'The source''s own id, as far as it could be read.';

COMMENT ON COLUMN rejection.code IS 'Code of the problem.';

COMMENT ON COLUMN rejection.message IS 'What is wrong with it.';

COMMENT ON COLUMN rejection.detail IS 'Where.';

COMMENT ON COLUMN rejection.hint IS 'What to do next.';

COMMENT ON COLUMN rejection.rejected_at IS 'When.';

COMMENT ON COLUMN rejection.resolved_at IS 'When a later version of it was accepted.';

CREATE TABLE resource_demand (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  person_id UUID,
  role TEXT,
  team TEXT,
  period_start_on DATE,
  period_finish_on DATE,
  demand_hours NUMERIC,
  capacity_hours NUMERIC,
  PRIMARY KEY (id)
);

CREATE INDEX resource_demand_key_ix ON resource_demand (key);

CREATE INDEX resource_demand_person_id_ix ON resource_demand (person_id, key);

CREATE INDEX resource_demand_project_id_ix ON resource_demand (project_id, key);

COMMENT ON COLUMN resource_demand.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN resource_demand.title IS 'Its name in one line.';

COMMENT ON COLUMN resource_demand.description IS 'Plain text.';

COMMENT ON COLUMN resource_demand.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN resource_demand.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN resource_demand.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN resource_demand.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN resource_demand.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN resource_demand.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN resource_demand.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN resource_demand.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN resource_demand.version IS '1, then one more with each change.';

COMMENT ON COLUMN resource_demand.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN resource_demand.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN resource_demand.project_id IS 'Who asks.';

COMMENT ON COLUMN resource_demand.person_id IS 'The person, where one is named.';

COMMENT ON COLUMN resource_demand.role IS 'The role asked for.';

COMMENT ON COLUMN resource_demand.team IS 'The team it is asked of.';

COMMENT ON COLUMN resource_demand.period_start_on IS 'First day of the period.';

COMMENT ON COLUMN resource_demand.period_finish_on IS 'Last day of the period.';

COMMENT ON COLUMN resource_demand.demand_hours IS 'Hours asked for.';

COMMENT ON COLUMN resource_demand.capacity_hours IS 'Hours there are.';

CREATE TABLE resource_demand_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  person_id UUID,
  role TEXT,
  team TEXT,
  period_start_on DATE,
  period_finish_on DATE,
  demand_hours NUMERIC,
  capacity_hours NUMERIC,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN resource_demand_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE risk (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  programme_id UUID,
  kind TEXT,
  cause TEXT,
  event TEXT,
  effect TEXT,
  category TEXT,
  probability INTEGER,
  impact INTEGER,
  score INTEGER,
  residual_probability INTEGER,
  residual_impact INTEGER,
  residual_score INTEGER,
  proximity TEXT,
  response TEXT,
  owner_id UUID,
  cost_impact NUMERIC,
  currency TEXT,
  parent_id UUID,
  shared_cause TEXT,
  raised_on DATE,
  review_on DATE,
  closed_on DATE,
  status TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX risk_key_ix ON risk (key);

CREATE INDEX risk_owner_id_ix ON risk (owner_id, key);

CREATE INDEX risk_parent_id_ix ON risk (parent_id, key);

CREATE INDEX risk_programme_id_ix ON risk (programme_id, key);

CREATE INDEX risk_project_id_ix ON risk (project_id, key);

COMMENT ON COLUMN risk.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN risk.title IS 'Its name in one line.';

COMMENT ON COLUMN risk.description IS 'Plain text.';

COMMENT ON COLUMN risk.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN risk.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN risk.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN risk.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN risk.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN risk.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN risk.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN risk.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN risk.version IS '1, then one more with each change.';

COMMENT ON COLUMN risk.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN risk.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN risk.project_id IS 'The project at risk.';

COMMENT ON COLUMN risk.programme_id IS 'The programme, for its own risks.';

COMMENT ON COLUMN risk.kind IS 'Whether it would hurt or help.';

COMMENT ON COLUMN risk.cause IS 'What it springs from.';

COMMENT ON COLUMN risk.event IS 'What may happen.';

COMMENT ON COLUMN risk.effect IS 'What it would do to the objectives.';

COMMENT ON COLUMN risk.category IS 'Category, in the organisation''s words.';

COMMENT ON COLUMN risk.probability IS 'Inherent probability, 1 to 5.';

COMMENT ON COLUMN risk.impact IS 'Inherent impact, 1 to 5.';

COMMENT ON COLUMN risk.score IS 'Probability times impact, computed here.';

COMMENT ON COLUMN risk.residual_probability IS 'Probability after the response, 1 to 5.';

COMMENT ON COLUMN risk.residual_impact IS 'Impact after the response, 1 to 5.';

COMMENT ON COLUMN risk.residual_score IS 'Residual probability times residual impact, computed here.';

COMMENT ON COLUMN risk.proximity IS 'How soon it could strike.';

COMMENT ON COLUMN risk.response IS 'What is done about it.';

COMMENT ON COLUMN risk.owner_id IS 'Risk owner.';

COMMENT ON COLUMN risk.cost_impact IS 'What it would cost, in `currency`.';

COMMENT ON COLUMN risk.currency IS 'ISO 4217 code.';

COMMENT ON COLUMN risk.parent_id IS 'The wider risk it is part of.';

COMMENT ON COLUMN risk.shared_cause IS 'Risks with the same word here share a cause and are counted once.';

COMMENT ON COLUMN risk.raised_on IS 'When it was raised.';

COMMENT ON COLUMN risk.review_on IS 'When it is next looked at.';

COMMENT ON COLUMN risk.closed_on IS 'When it was closed.';

COMMENT ON COLUMN risk.status IS 'Where it stands.';

CREATE TABLE risk_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  programme_id UUID,
  kind TEXT,
  cause TEXT,
  event TEXT,
  effect TEXT,
  category TEXT,
  probability INTEGER,
  impact INTEGER,
  score INTEGER,
  residual_probability INTEGER,
  residual_impact INTEGER,
  residual_score INTEGER,
  proximity TEXT,
  response TEXT,
  owner_id UUID,
  cost_impact NUMERIC,
  currency TEXT,
  parent_id UUID,
  shared_cause TEXT,
  raised_on DATE,
  review_on DATE,
  closed_on DATE,
  status TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN risk_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE run (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  source TEXT NOT NULL,
  mode TEXT NOT NULL,
  state TEXT DEFAULT 'queued' NOT NULL,
  requested_by TEXT,
  requested_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  not_before TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE,
  finished_at TIMESTAMP WITH TIME ZONE,
  attempts INTEGER DEFAULT '0' NOT NULL,
  approved BOOLEAN,
  seen BIGINT DEFAULT '0' NOT NULL,
  stored BIGINT DEFAULT '0' NOT NULL,
  unchanged BIGINT DEFAULT '0' NOT NULL,
  quarantined BIGINT DEFAULT '0' NOT NULL,
  vanished BIGINT DEFAULT '0' NOT NULL,
  rows_changed BIGINT DEFAULT '0' NOT NULL,
  error_code TEXT,
  error TEXT,
  account TEXT,
  mapping_version TEXT,
  PRIMARY KEY (id)
);

CREATE UNIQUE INDEX run_open_ix ON run (source) WHERE state IN ('queued', 'running');

CREATE INDEX run_source_ix ON run (source, id);

COMMENT ON COLUMN run.source IS 'The source.';

COMMENT ON COLUMN run.mode IS 'What was read.';

COMMENT ON COLUMN run.state IS 'How it stands.';

COMMENT ON COLUMN run.requested_by IS 'Who or what asked for it.';

COMMENT ON COLUMN run.requested_at IS 'When it was asked for.';

COMMENT ON COLUMN run.not_before IS 'It may start from then on.';

COMMENT ON COLUMN run.started_at IS 'When it was started.';

COMMENT ON COLUMN run.finished_at IS 'When it ended.';

COMMENT ON COLUMN run.attempts IS 'How often it was put off since the tool did not answer.';

COMMENT ON COLUMN run.approved IS 'A person approved that more than the hold limit vanishes.';

COMMENT ON COLUMN run.error_code IS 'Code of the problem that ended it.';

COMMENT ON COLUMN run.error IS 'What happened, where, and what to do next.';

COMMENT ON COLUMN run.account IS 'Who we were at the tool.';

COMMENT ON COLUMN run.mapping_version IS 'Hash of the mapping used.';

CREATE TABLE run_partition (
  run_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  cursor JSONB,
  done BOOLEAN DEFAULT false NOT NULL,
  seen BIGINT DEFAULT '0' NOT NULL,
  expected BIGINT,
  PRIMARY KEY (run_id, name)
);

COMMENT ON COLUMN run_partition.cursor IS 'Where to go on.';

CREATE TABLE score (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  objective_id UUID,
  criterion TEXT,
  weight NUMERIC,
  value NUMERIC,
  rationale TEXT,
  PRIMARY KEY (id)
);

CREATE INDEX score_key_ix ON score (key);

CREATE INDEX score_objective_id_ix ON score (objective_id, key);

CREATE INDEX score_project_id_ix ON score (project_id, key);

COMMENT ON COLUMN score.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN score.title IS 'Its name in one line.';

COMMENT ON COLUMN score.description IS 'Plain text.';

COMMENT ON COLUMN score.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN score.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN score.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN score.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN score.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN score.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN score.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN score.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN score.version IS '1, then one more with each change.';

COMMENT ON COLUMN score.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN score.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN score.project_id IS 'The project scored.';

COMMENT ON COLUMN score.objective_id IS 'The objective, where the criterion is one.';

COMMENT ON COLUMN score.criterion IS 'What is scored.';

COMMENT ON COLUMN score.weight IS 'How much it counts.';

COMMENT ON COLUMN score.value IS 'The score.';

COMMENT ON COLUMN score.rationale IS 'Why this score.';

CREATE TABLE score_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  objective_id UUID,
  criterion TEXT,
  weight NUMERIC,
  value NUMERIC,
  rationale TEXT,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN score_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE source (
  id UUID NOT NULL,
  key TEXT NOT NULL,
  kind TEXT NOT NULL,
  url TEXT,
  configured BOOLEAN,
  paused BOOLEAN,
  pause_reason TEXT,
  account TEXT,
  timezone TEXT,
  every_s INTEGER,
  sweep_at TEXT,
  next_run_at TIMESTAMP WITH TIME ZONE,
  next_sweep_at TIMESTAMP WITH TIME ZONE,
  fresh_at TIMESTAMP WITH TIME ZONE,
  complete_at TIMESTAMP WITH TIME ZONE,
  aliases JSONB,
  mapping_version TEXT,
  PRIMARY KEY (id)
);

COMMENT ON COLUMN source.key IS 'The name in the configuration.';

COMMENT ON COLUMN source.kind IS 'The kind of tool: jira, spreadsheet …';

COMMENT ON COLUMN source.url IS 'Where it is.';

COMMENT ON COLUMN source.configured IS 'Named in the configuration that was last loaded.';

COMMENT ON COLUMN source.paused IS 'Nothing is read until a person resumes it.';

COMMENT ON COLUMN source.pause_reason IS 'Why it is paused, in words.';

COMMENT ON COLUMN source.account IS 'Who we are there.';

COMMENT ON COLUMN source.timezone IS 'The account''s time zone.';

COMMENT ON COLUMN source.every_s IS 'Seconds between incremental runs.';

COMMENT ON COLUMN source.sweep_at IS 'Local time of the daily complete run, HH:MM.';

COMMENT ON COLUMN source.next_run_at IS 'When the next incremental run is due.';

COMMENT ON COLUMN source.next_sweep_at IS 'When the next complete run is due.';

COMMENT ON COLUMN source.fresh_at IS 'Everything the source showed up to this instant is in the register.';

COMMENT ON COLUMN source.complete_at IS 'Start of the last complete run that succeeded.';

COMMENT ON COLUMN source.aliases IS 'Names a mapping may use in place of paths, as last seen.';

COMMENT ON COLUMN source.mapping_version IS 'Hash of the mapping the register was last built with.';

CREATE TABLE source_record (
  id UUID NOT NULL,
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  source_id TEXT NOT NULL,
  content_hash BYTEA NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE,
  first_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  stored_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  run_id BIGINT,
  presence TEXT DEFAULT 'present' NOT NULL,
  unmapped UUID[],
  payload BYTEA NOT NULL,
  PRIMARY KEY (id)
);

CREATE INDEX source_record_source_ix ON source_record (source, stream, presence);

CREATE INDEX source_record_unmapped_ix ON source_record (source) WHERE unmapped IS NOT NULL;

COMMENT ON COLUMN source_record.source IS 'The source.';

COMMENT ON COLUMN source_record.stream IS 'The kind of record in the source.';

COMMENT ON COLUMN source_record.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN source_record.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN source_record.first_seen_at IS 'When it was first stored.';

COMMENT ON COLUMN source_record.stored_at IS 'When this content was stored.';

COMMENT ON COLUMN source_record.presence IS 'Whether it is still there.';

CREATE TABLE status_report (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  programme_id UUID,
  period_start_on DATE,
  period_finish_on DATE,
  rag_overall TEXT,
  rag_schedule TEXT,
  rag_cost TEXT,
  rag_scope TEXT,
  rag_resources TEXT,
  rag_risks TEXT,
  rag_benefits TEXT,
  narrative TEXT,
  achievements TEXT,
  next_steps TEXT,
  author_id UUID,
  PRIMARY KEY (id)
);

CREATE INDEX status_report_key_ix ON status_report (key);

CREATE INDEX status_report_programme_id_ix ON status_report (programme_id, key);

CREATE INDEX status_report_project_id_ix ON status_report (project_id, key);

COMMENT ON COLUMN status_report.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN status_report.title IS 'Its name in one line.';

COMMENT ON COLUMN status_report.description IS 'Plain text.';

COMMENT ON COLUMN status_report.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN status_report.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN status_report.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN status_report.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN status_report.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN status_report.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN status_report.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN status_report.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN status_report.version IS '1, then one more with each change.';

COMMENT ON COLUMN status_report.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN status_report.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN status_report.project_id IS 'The project reported on.';

COMMENT ON COLUMN status_report.programme_id IS 'The programme reported on.';

COMMENT ON COLUMN status_report.period_start_on IS 'First day reported on.';

COMMENT ON COLUMN status_report.period_finish_on IS 'Last day reported on.';

COMMENT ON COLUMN status_report.rag_overall IS 'Overall.';

COMMENT ON COLUMN status_report.rag_schedule IS 'Schedule.';

COMMENT ON COLUMN status_report.rag_cost IS 'Cost.';

COMMENT ON COLUMN status_report.rag_scope IS 'Scope.';

COMMENT ON COLUMN status_report.rag_resources IS 'Resources.';

COMMENT ON COLUMN status_report.rag_risks IS 'Risks.';

COMMENT ON COLUMN status_report.rag_benefits IS 'Benefits.';

COMMENT ON COLUMN status_report.narrative IS 'What to know, in words.';

COMMENT ON COLUMN status_report.achievements IS 'Done in the period.';

COMMENT ON COLUMN status_report.next_steps IS 'Planned for the next one.';

COMMENT ON COLUMN status_report.author_id IS 'Who reports.';

CREATE TABLE status_report_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  programme_id UUID,
  period_start_on DATE,
  period_finish_on DATE,
  rag_overall TEXT,
  rag_schedule TEXT,
  rag_cost TEXT,
  rag_scope TEXT,
  rag_resources TEXT,
  rag_risks TEXT,
  rag_benefits TEXT,
  narrative TEXT,
  achievements TEXT,
  next_steps TEXT,
  author_id UUID,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN status_report_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE sweep_seen (
  run_id BIGINT NOT NULL,
  record_id UUID NOT NULL,
  PRIMARY KEY (run_id, record_id)
);

CREATE TABLE time_entry (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  work_item_id UUID,
  project_id UUID,
  person_id UUID,
  worked_on DATE,
  hours NUMERIC,
  PRIMARY KEY (id)
);

CREATE INDEX time_entry_key_ix ON time_entry (key);

CREATE INDEX time_entry_person_id_ix ON time_entry (person_id, key);

CREATE INDEX time_entry_project_id_ix ON time_entry (project_id, key);

CREATE INDEX time_entry_work_item_id_ix ON time_entry (work_item_id, key);

COMMENT ON COLUMN time_entry.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN time_entry.title IS 'Its name in one line.';

COMMENT ON COLUMN time_entry.description IS 'Plain text.';

COMMENT ON COLUMN time_entry.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN time_entry.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN time_entry.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN time_entry.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN time_entry.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN time_entry.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN time_entry.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN time_entry.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN time_entry.version IS '1, then one more with each change.';

COMMENT ON COLUMN time_entry.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN time_entry.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN time_entry.work_item_id IS 'What the time went into.';

COMMENT ON COLUMN time_entry.project_id IS 'The project, where the tool says.';

COMMENT ON COLUMN time_entry.person_id IS 'Who worked.';

COMMENT ON COLUMN time_entry.worked_on IS 'The day, in the zone the tool recorded.';

COMMENT ON COLUMN time_entry.hours IS 'Hours.';

CREATE TABLE time_entry_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  work_item_id UUID,
  project_id UUID,
  person_id UUID,
  worked_on DATE,
  hours NUMERIC,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN time_entry_history.valid_to IS 'Until when the register showed it.';

CREATE TABLE work_item (
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT DEFAULT 'present' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  version INTEGER DEFAULT '1' NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  custom JSONB,
  project_id UUID,
  parent_id UUID,
  type TEXT,
  type_source TEXT,
  status TEXT,
  is_blocked BOOLEAN,
  priority TEXT,
  assignee_id UUID,
  reporter_id UUID,
  iteration_id UUID,
  iteration_ids UUID[],
  milestone_ids UUID[],
  labels TEXT[],
  components TEXT[],
  wbs TEXT,
  level INTEGER,
  start_planned_on DATE,
  start_baseline_on DATE,
  start_actual_on DATE,
  due_on DATE,
  finish_planned_on DATE,
  finish_baseline_on DATE,
  finish_actual_on DATE,
  percent_complete NUMERIC,
  estimate_hours NUMERIC,
  spent_hours NUMERIC,
  remaining_hours NUMERIC,
  points NUMERIC,
  is_critical BOOLEAN,
  total_float_days NUMERIC,
  resolution TEXT,
  resolved_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

CREATE INDEX work_item_assignee_id_ix ON work_item (assignee_id, key);

CREATE INDEX work_item_iteration_id_ix ON work_item (iteration_id, key);

CREATE INDEX work_item_key_ix ON work_item (key);

CREATE INDEX work_item_milestone_ids_ix ON work_item USING gin (milestone_ids);

CREATE INDEX work_item_parent_id_ix ON work_item (parent_id, key);

CREATE INDEX work_item_project_id_ix ON work_item (project_id, key);

COMMENT ON COLUMN work_item.key IS 'What people call it; unique in its type (PAY-17, R-012).';

COMMENT ON COLUMN work_item.title IS 'Its name in one line.';

COMMENT ON COLUMN work_item.description IS 'Plain text.';

COMMENT ON COLUMN work_item.url IS 'Where a person can open it in its tool.';

COMMENT ON COLUMN work_item.source IS 'The configured source it comes from; of several, the one that names it.';

COMMENT ON COLUMN work_item.source_id IS 'The source''s own immutable id.';

COMMENT ON COLUMN work_item.status_source IS 'The tool''s own word for its status.';

COMMENT ON COLUMN work_item.presence IS 'Whether it is still in its source, and if not, why.';

COMMENT ON COLUMN work_item.created_at IS 'When it was created, says the source.';

COMMENT ON COLUMN work_item.updated_at IS 'When it last changed, says the source.';

COMMENT ON COLUMN work_item.synced_at IS 'When this version was written here.';

COMMENT ON COLUMN work_item.version IS '1, then one more with each change.';

COMMENT ON COLUMN work_item.valid_from IS 'Since when the register shows this version.';

COMMENT ON COLUMN work_item.custom IS 'Custom fields that a mapping chose, typed.';

COMMENT ON COLUMN work_item.project_id IS 'The project it belongs to.';

COMMENT ON COLUMN work_item.parent_id IS 'The item it is a part of.';

COMMENT ON COLUMN work_item.type IS 'What kind of item, in common words.';

COMMENT ON COLUMN work_item.type_source IS 'The tool''s own word for its type.';

COMMENT ON COLUMN work_item.status IS 'Where it stands.';

COMMENT ON COLUMN work_item.is_blocked IS 'Flagged as impeded.';

COMMENT ON COLUMN work_item.priority IS 'The tool''s own word for its priority.';

COMMENT ON COLUMN work_item.assignee_id IS 'Who works on it.';

COMMENT ON COLUMN work_item.reporter_id IS 'Who raised it.';

COMMENT ON COLUMN work_item.iteration_id IS 'The running iteration, or the last one.';

COMMENT ON COLUMN work_item.iteration_ids IS 'Every iteration it was planned in, oldest first.';

COMMENT ON COLUMN work_item.milestone_ids IS 'Milestones (releases) it is to be delivered with.';

COMMENT ON COLUMN work_item.labels IS 'Free labels.';

COMMENT ON COLUMN work_item.components IS 'Parts of the product it touches.';

COMMENT ON COLUMN work_item.wbs IS 'Work breakdown structure number.';

COMMENT ON COLUMN work_item.level IS 'Depth in the outline, 1 at the top.';

COMMENT ON COLUMN work_item.start_planned_on IS 'Planned start.';

COMMENT ON COLUMN work_item.start_baseline_on IS 'Start in the baseline.';

COMMENT ON COLUMN work_item.start_actual_on IS 'When work began.';

COMMENT ON COLUMN work_item.due_on IS 'When it is due.';

COMMENT ON COLUMN work_item.finish_planned_on IS 'Planned finish.';

COMMENT ON COLUMN work_item.finish_baseline_on IS 'Finish in the baseline.';

COMMENT ON COLUMN work_item.finish_actual_on IS 'When it was finished.';

COMMENT ON COLUMN work_item.percent_complete IS '0 to 100.';

COMMENT ON COLUMN work_item.estimate_hours IS 'Original estimate.';

COMMENT ON COLUMN work_item.spent_hours IS 'Work booked so far.';

COMMENT ON COLUMN work_item.remaining_hours IS 'Work still expected.';

COMMENT ON COLUMN work_item.points IS 'Story points.';

COMMENT ON COLUMN work_item.is_critical IS 'On the critical path, says the tool.';

COMMENT ON COLUMN work_item.total_float_days IS 'Working days it can slip without moving the finish.';

COMMENT ON COLUMN work_item.resolution IS 'The tool''s own word for how it ended.';

COMMENT ON COLUMN work_item.resolved_at IS 'When it was resolved.';

CREATE TABLE work_item_history (
  valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
  id UUID NOT NULL,
  key TEXT,
  title TEXT,
  description TEXT,
  url TEXT,
  source TEXT,
  source_id TEXT,
  status_source TEXT,
  presence TEXT,
  created_at TIMESTAMP WITH TIME ZONE,
  updated_at TIMESTAMP WITH TIME ZONE,
  synced_at TIMESTAMP WITH TIME ZONE,
  version INTEGER NOT NULL,
  valid_from TIMESTAMP WITH TIME ZONE,
  custom JSONB,
  project_id UUID,
  parent_id UUID,
  type TEXT,
  type_source TEXT,
  status TEXT,
  is_blocked BOOLEAN,
  priority TEXT,
  assignee_id UUID,
  reporter_id UUID,
  iteration_id UUID,
  iteration_ids UUID[],
  milestone_ids UUID[],
  labels TEXT[],
  components TEXT[],
  wbs TEXT,
  level INTEGER,
  start_planned_on DATE,
  start_baseline_on DATE,
  start_actual_on DATE,
  due_on DATE,
  finish_planned_on DATE,
  finish_baseline_on DATE,
  finish_actual_on DATE,
  percent_complete NUMERIC,
  estimate_hours NUMERIC,
  spent_hours NUMERIC,
  remaining_hours NUMERIC,
  points NUMERIC,
  is_critical BOOLEAN,
  total_float_days NUMERIC,
  resolution TEXT,
  resolved_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id, version)
);

COMMENT ON COLUMN work_item_history.valid_to IS 'Until when the register showed it.';

-- Payloads stay in the row up to a page's size and are compressed by nobody: measured on 7 KB records, writing them
-- so costs 0.4 of what storing them out of line does, and pglz would triple it.
ALTER TABLE source_record ALTER COLUMN payload SET STORAGE EXTERNAL;
ALTER TABLE source_record SET (toast_tuple_target = 8160);
ALTER TABLE claim ALTER COLUMN values SET STORAGE EXTERNAL;
ALTER TABLE claim SET (toast_tuple_target = 8160);
ALTER TABLE work_item ALTER COLUMN description SET STORAGE EXTERNAL;
ALTER TABLE rejection ALTER COLUMN payload SET STORAGE EXTERNAL;
