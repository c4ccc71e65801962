-- Webhooks: who is told of events, what they are still to be told, and every attempt at it.

CREATE TABLE webhook (
  id UUID NOT NULL,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  types TEXT[],
  filter TEXT,
  fields TEXT,
  enabled BOOLEAN,
  disabled_reason TEXT,
  disabled_at TIMESTAMP WITH TIME ZONE,
  origin TEXT,
  key_id UUID,
  row_scope JSONB,
  secret BYTEA,
  old_secret BYTEA,
  old_until TIMESTAMP WITH TIME ZONE,
  seq BIGINT DEFAULT '0' NOT NULL,
  failures INTEGER DEFAULT '0' NOT NULL,
  failing_since TIMESTAMP WITH TIME ZONE,
  rests_until TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  created_by TEXT NOT NULL,
  deleted_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

CREATE UNIQUE INDEX webhook_name_ix ON webhook (name) WHERE deleted_at IS NULL;

COMMENT ON COLUMN webhook.name IS 'What people call it.';
COMMENT ON COLUMN webhook.url IS 'Where events are sent to.';
COMMENT ON COLUMN webhook.types IS 'The types of events: `project.changed`, `work_item.*`, `*`.';
COMMENT ON COLUMN webhook.filter IS 'Only events of rows that this finds, before the event or after it.';
COMMENT ON COLUMN webhook.fields IS 'What is sent of the row, as a selection; empty: all its fields.';
COMMENT ON COLUMN webhook.enabled IS 'Events are sent.';
COMMENT ON COLUMN webhook.disabled_reason IS 'Why none are.';
COMMENT ON COLUMN webhook.disabled_at IS 'Since when.';
COMMENT ON COLUMN webhook.origin IS 'Where it is written, as file:line; empty: it was made through the API or by command.';
COMMENT ON COLUMN webhook.row_scope IS 'Which rows its maker may see; empty: all.';
COMMENT ON COLUMN webhook.old_until IS 'Until when the one before signs as well.';
COMMENT ON COLUMN webhook.failures IS 'Attempts that failed since the last one that did not.';
COMMENT ON COLUMN webhook.failing_since IS 'When the first of them was.';
COMMENT ON COLUMN webhook.rests_until IS 'Nothing is tried before.';
COMMENT ON COLUMN webhook.created_at IS 'When it was made.';
COMMENT ON COLUMN webhook.created_by IS 'Who made it.';
COMMENT ON COLUMN webhook.deleted_at IS 'When it was removed.';

CREATE TABLE delivery (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  webhook_id UUID NOT NULL,
  seq BIGINT,
  type TEXT NOT NULL,
  state TEXT DEFAULT 'pending' NOT NULL,
  attempts INTEGER DEFAULT '0' NOT NULL,
  due_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  finished_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

CREATE INDEX delivery_due_ix ON delivery (webhook_id, due_at, id) WHERE state = 'pending';
CREATE UNIQUE INDEX delivery_event_ix ON delivery (webhook_id, seq);
CREATE INDEX delivery_failed_ix ON delivery (webhook_id, id) WHERE state = 'failed';
CREATE INDEX delivery_finished_ix ON delivery USING brin (finished_at);

COMMENT ON COLUMN delivery.type IS 'The type of the event.';
COMMENT ON COLUMN delivery.state IS 'How it stands.';
COMMENT ON COLUMN delivery.attempts IS 'How often it was tried.';
COMMENT ON COLUMN delivery.due_at IS 'It is tried from then on.';
COMMENT ON COLUMN delivery.created_at IS 'When it was made.';
COMMENT ON COLUMN delivery.finished_at IS 'When it arrived or was given up.';

CREATE TABLE attempt (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  delivery_id BIGINT NOT NULL,
  ended_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  latency_ms INTEGER NOT NULL,
  status INTEGER,
  answer TEXT,
  error TEXT,
  next_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);

CREATE INDEX attempt_delivery_ix ON attempt (delivery_id, id);

COMMENT ON COLUMN attempt.ended_at IS 'When it ended.';
COMMENT ON COLUMN attempt.latency_ms IS 'How long it took.';
COMMENT ON COLUMN attempt.status IS 'The status of the answer; empty: there was none.';
COMMENT ON COLUMN attempt.answer IS 'How the answer began.';
COMMENT ON COLUMN attempt.error IS 'What went wrong; empty: it arrived.';
COMMENT ON COLUMN attempt.next_at IS 'When it is tried again; empty: it is not.';

COMMENT ON COLUMN event.entity IS 'The entity type; `webhook` for notices about one.';

GRANT SELECT, INSERT, UPDATE ON webhook TO portbook_app;
-- What was told is kept for a time only.
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery, attempt TO portbook_app;
