CREATE TABLE bi_login (
  name TEXT NOT NULL,
  row_scope JSONB,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  PRIMARY KEY (name)
);

COMMENT ON COLUMN bi_login.name IS 'The role that signs in.';
COMMENT ON COLUMN bi_login.row_scope IS 'Portfolios, programmes and projects it may see; empty: all.';
COMMENT ON COLUMN bi_login.created_at IS 'When it was made.';

GRANT SELECT ON bi_login TO portbook_app;
