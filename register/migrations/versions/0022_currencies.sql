-- Rows merged by an earlier version may show an amount of one source under the currency of another.
INSERT INTO merge_due (entity, cause)
SELECT DISTINCT entity, 'remap' FROM claim
WHERE entity IN ('programme', 'project', 'risk', 'change_request', 'cost_line')
ON CONFLICT (entity) DO UPDATE SET after = DEFAULT;
