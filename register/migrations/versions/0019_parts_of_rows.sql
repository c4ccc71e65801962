-- A row that is there showed what only a deleted record said of it, and of two pins the one on its own id, not the
-- newest. Workers merge anew what may be so.

INSERT INTO merge_due (entity, cause) SELECT DISTINCT entity, 'remap' FROM claim
ON CONFLICT (entity) DO UPDATE SET after = DEFAULT;

-- A project that has become part of another has no rows of its own, and no score.
GRANT DELETE ON quality TO portbook_app;
DELETE FROM quality WHERE id IN (SELECT id FROM absorbed);
