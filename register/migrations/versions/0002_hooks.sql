-- What tools tell us themselves: hints that wait to be read again, and the hooks we set up.

CREATE TABLE hint (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  item TEXT NOT NULL,
  notices BIGINT DEFAULT '0' NOT NULL,
  first_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  last_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (source, stream, item)
);

CREATE INDEX hint_age_ix ON hint (source, first_at);

COMMENT ON COLUMN hint.first_at IS 'When it was first said.';

COMMENT ON COLUMN hint.last_at IS 'When it was last said.';

CREATE TABLE subscription (
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (source, id)
);

COMMENT ON COLUMN subscription.expires_at IS 'When the tool forgets it; empty: never.';

COMMENT ON COLUMN subscription.created_at IS 'When it was set up.';

COMMENT ON COLUMN run.mode IS 'What was read: what notifications named, what changed, or everything.';

GRANT SELECT, INSERT, UPDATE, DELETE ON hint, subscription TO portbook_app;
