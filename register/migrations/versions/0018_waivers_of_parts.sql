-- A row that became part of another took its waivers with it: nobody found the other waived. What was waived of a part
-- is waived of the whole, be it by its row or by what a rule found about it.

CREATE OR REPLACE FUNCTION standing_waiver(of_code TEXT, of_finding UUID, of_row UUID) RETURNS UUID
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT id FROM public.waiver
  WHERE ended_at IS NULL AND expires_at > now() AND code = of_code
    AND (finding_id IS NULL OR finding_id = of_finding OR finding_id IN (
           SELECT f.id FROM public.absorbed a JOIN public.rule r ON r.key = of_code
           JOIN public.finding f ON f.rule_id = r.id AND f.entity_id = a.id WHERE a.entity_id = of_row))
    AND (entity_id IS NULL OR entity_id = of_row
         OR entity_id IN (SELECT a.id FROM public.absorbed a WHERE a.entity_id = of_row))
  ORDER BY expires_at DESC, id LIMIT 1
$$;

UPDATE finding f SET waiver_id = standing_waiver(f.code, f.id, f.entity_id)
WHERE f.closed_at IS NULL AND f.waiver_id IS NULL AND f.entity_id IN (SELECT entity_id FROM absorbed)
  AND f.code IN (SELECT code FROM waiver WHERE ended_at IS NULL)
  AND standing_waiver(f.code, f.id, f.entity_id) IS NOT NULL;
