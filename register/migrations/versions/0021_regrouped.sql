-- A scope goes on naming what became part of another row, and an event says when that began or ceased.

ALTER TABLE event ADD COLUMN parts UUID[];

CREATE OR REPLACE FUNCTION bi.scope_ids(kind text) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE kind WHEN 'project' THEN s.projects WHEN 'programme' THEN s.programmes ELSE s.portfolios END
  FROM (
WITH named (entity, id) AS (
  SELECT k.entity, v.id::uuid
  FROM (VALUES ('project', 'projects'), ('programme', 'programmes'), ('portfolio', 'portfolios')) k (entity, collection)
  CROSS JOIN LATERAL jsonb_array_elements_text(coalesce((SELECT row_scope FROM public.bi_login WHERE name = session_user) -> k.collection, '[]')) v (id)
), shown (entity, id) AS (
  SELECT entity, id FROM named
  UNION SELECT a.entity, a.entity_id FROM absorbed a JOIN named n ON n.entity = a.entity AND n.id = a.id
)
SELECT coalesce(array_agg(id ORDER BY id) FILTER (WHERE entity = 'project'), '{}') AS projects,
       coalesce(array_agg(id ORDER BY id) FILTER (WHERE entity = 'programme'), '{}')
         || ARRAY(SELECT id FROM programme WHERE portfolio_id IN (SELECT id FROM shown WHERE entity = 'portfolio')
                  ORDER BY id)
         AS programmes,
       coalesce(array_agg(id ORDER BY id) FILTER (WHERE entity = 'portfolio'), '{}') AS portfolios,
       coalesce(array_agg(id ORDER BY id) FILTER (WHERE entity = 'programme'), '{}') AS own_programmes,
       ARRAY(SELECT id FROM named) AS named
FROM shown
) s
$$;
