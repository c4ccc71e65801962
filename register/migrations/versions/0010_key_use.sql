-- When a key was used for the first time and for the last.
ALTER TABLE api_key ADD COLUMN first_used_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE api_key ADD COLUMN last_used_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN api_key.first_used_at IS 'When it was used for the first time.';
COMMENT ON COLUMN api_key.last_used_at IS 'When it was used last, to the minute.';

-- The audit now also says who asked what, which is many lines: few of them are what a person looks for.
CREATE INDEX audit_action_ix ON audit (action, seq);
CREATE INDEX audit_actor_ix ON audit (actor, seq);
