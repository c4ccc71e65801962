-- Accounts that are shut out although their tokens are good.
CREATE TABLE blocked_account (
  id UUID NOT NULL,
  name TEXT NOT NULL,
  accounts TEXT[],
  reason TEXT NOT NULL,
  blocked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  blocked_by TEXT NOT NULL,
  unblocked_at TIMESTAMP WITH TIME ZONE,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX blocked_account_ix ON blocked_account (name) WHERE unblocked_at IS NULL;
COMMENT ON COLUMN blocked_account.name IS 'What was given: an address, a subject, an object id, or an account.';
COMMENT ON COLUMN blocked_account.accounts IS 'Accounts that had asked under this name by then.';
COMMENT ON COLUMN blocked_account.reason IS 'Why.';
COMMENT ON COLUMN blocked_account.blocked_at IS 'Since when.';
COMMENT ON COLUMN blocked_account.blocked_by IS 'Who decided.';
COMMENT ON COLUMN blocked_account.unblocked_at IS 'When they were let in again.';

GRANT SELECT, INSERT, UPDATE ON blocked_account TO portbook_app;

COMMENT ON COLUMN run.mapping_version IS 'Hash of the mapping used; empty where several were.';
COMMENT ON COLUMN bi.fact_run."mapping_version" IS 'Hash of the mapping used; empty where several were.';
