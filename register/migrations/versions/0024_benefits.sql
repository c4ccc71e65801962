-- Rows merged by an earlier version may show a value of one source under the currency of another.
INSERT INTO merge_due (entity, cause)
SELECT DISTINCT entity, 'remap' FROM claim WHERE entity = 'benefit'
ON CONFLICT (entity) DO UPDATE SET after = DEFAULT;
