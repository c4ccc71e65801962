-- Made by `python -m scripts.bi_schema`: the register as a star, for tools that speak SQL.
CREATE SCHEMA bi;

DO $$
BEGIN
  CREATE ROLE bi_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

COMMENT ON SCHEMA bi IS 'The register as a star: dim_*, fact_*, bridge_*. Read only.';

-- Those who run the register, and roles without a row scope.
CREATE FUNCTION bi.sees_everything() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE WHEN l.name IS NULL THEN pg_has_role(session_user, 'portbook_app', 'member')
              ELSE coalesce(l.row_scope, '{}') = '{}' END
  FROM (SELECT) o LEFT JOIN public.bi_login l ON l.name = session_user
$$;

CREATE FUNCTION bi.sees_something() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT bi.sees_everything() OR EXISTS (SELECT FROM public.bi_login WHERE name = session_user)
$$;

CREATE FUNCTION bi.scope_ids(kind text) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT CASE kind WHEN 'project' THEN s.projects WHEN 'programme' THEN s.programmes ELSE s.portfolios END
  FROM (
WITH named (entity, id) AS (
  SELECT k.entity, coalesce(a.entity_id, v.id::uuid)
  FROM (VALUES ('project', 'projects'), ('programme', 'programmes'), ('portfolio', 'portfolios')) k (entity, collection)
  CROSS JOIN LATERAL jsonb_array_elements_text(coalesce((SELECT row_scope FROM public.bi_login WHERE name = session_user) -> k.collection, '[]')) v (id)
  LEFT JOIN absorbed a ON a.entity = k.entity AND a.id = v.id::uuid
)
SELECT coalesce(array_agg(id) FILTER (WHERE entity = 'project'), '{}') AS projects,
       coalesce(array_agg(id) FILTER (WHERE entity = 'programme'), '{}')
         || ARRAY(SELECT id FROM programme WHERE portfolio_id IN (SELECT id FROM named WHERE entity = 'portfolio'))
         AS programmes,
       coalesce(array_agg(id) FILTER (WHERE entity = 'portfolio'), '{}') AS portfolios
FROM named
) s
$$;

CREATE VIEW bi.dim_date WITH (security_barrier) AS
SELECT d::date AS day, extract(year FROM d)::int AS year, extract(quarter FROM d)::int AS quarter,
  extract(month FROM d)::int AS month, date_trunc('month', d)::date AS month_start,
  extract(isoyear FROM d)::int AS iso_year, extract(week FROM d)::int AS iso_week,
  extract(isodow FROM d)::int AS weekday, extract(isodow FROM d) > 5 AS is_weekend
FROM generate_series('2010-01-01'::timestamp, '2049-12-31', '1 day') d;
COMMENT ON VIEW bi.dim_date IS 'Days from 2010-01-01 to 2049-12-31.';
COMMENT ON COLUMN bi.dim_date."day" IS 'The day.';
COMMENT ON COLUMN bi.dim_date."year" IS 'The year.';
COMMENT ON COLUMN bi.dim_date."quarter" IS 'The quarter, 1 to 4.';
COMMENT ON COLUMN bi.dim_date."month" IS 'The month, 1 to 12.';
COMMENT ON COLUMN bi.dim_date."month_start" IS 'The month''s first day.';
COMMENT ON COLUMN bi.dim_date."iso_year" IS 'The year that the week by ISO 8601 belongs to.';
COMMENT ON COLUMN bi.dim_date."iso_week" IS 'The week by ISO 8601.';
COMMENT ON COLUMN bi.dim_date."weekday" IS 'Monday 1 to Sunday 7.';
COMMENT ON COLUMN bi.dim_date."is_weekend" IS 'Whether it is a Saturday or Sunday.';

CREATE VIEW bi.dim_portfolio WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."owner_id", e."manager_id", e."objectives_text", e."rag_reported", e."status"
FROM public.portfolio e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND e.id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[])));
COMMENT ON VIEW bi.dim_portfolio IS 'A set of programmes and projects an organisation invests in together (MoP, PMI Standard for Portfolios).';
COMMENT ON COLUMN bi.dim_portfolio."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.dim_portfolio."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.dim_portfolio."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.dim_portfolio."description" IS 'Plain text.';
COMMENT ON COLUMN bi.dim_portfolio."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.dim_portfolio."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.dim_portfolio."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.dim_portfolio."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.dim_portfolio."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.dim_portfolio."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.dim_portfolio."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.dim_portfolio."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.dim_portfolio."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.dim_portfolio."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.dim_portfolio."owner_id" IS 'Who answers for it.';
COMMENT ON COLUMN bi.dim_portfolio."manager_id" IS 'Who runs it day to day.';
COMMENT ON COLUMN bi.dim_portfolio."objectives_text" IS 'What it is meant to achieve.';
COMMENT ON COLUMN bi.dim_portfolio."rag_reported" IS 'Red, amber or green as reported.';
COMMENT ON COLUMN bi.dim_portfolio."status" IS 'Whether it is running.';

CREATE VIEW bi.dim_programme WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."portfolio_id", e."sro_id", e."manager_id", e."objectives_text", e."rag_reported", e."status", e."start_on", e."finish_on", e."budget", e."currency"
FROM public.programme e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND e.id = ANY((SELECT bi.scope_ids('programme'))::uuid[])));
COMMENT ON VIEW bi.dim_programme IS 'Related projects managed together for outcomes none of them gives alone (MSP).';
COMMENT ON COLUMN bi.dim_programme."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.dim_programme."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.dim_programme."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.dim_programme."description" IS 'Plain text.';
COMMENT ON COLUMN bi.dim_programme."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.dim_programme."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.dim_programme."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.dim_programme."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.dim_programme."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.dim_programme."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.dim_programme."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.dim_programme."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.dim_programme."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.dim_programme."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.dim_programme."portfolio_id" IS 'The portfolio it belongs to.';
COMMENT ON COLUMN bi.dim_programme."sro_id" IS 'Senior responsible owner.';
COMMENT ON COLUMN bi.dim_programme."manager_id" IS 'Programme manager.';
COMMENT ON COLUMN bi.dim_programme."objectives_text" IS 'What it is meant to achieve.';
COMMENT ON COLUMN bi.dim_programme."rag_reported" IS 'Red, amber or green as reported.';
COMMENT ON COLUMN bi.dim_programme."status" IS 'Whether it is running.';
COMMENT ON COLUMN bi.dim_programme."start_on" IS 'Planned start.';
COMMENT ON COLUMN bi.dim_programme."finish_on" IS 'Planned finish.';
COMMENT ON COLUMN bi.dim_programme."budget" IS 'Approved budget, in `currency`.';
COMMENT ON COLUMN bi.dim_programme."currency" IS 'ISO 4217 code.';

CREATE VIEW bi.dim_project WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."code", e."programme_id", e."portfolio_id", e."stage", e."category", e."delivery_method", e."sponsor_id", e."manager_id", e."priority", e."start_planned_on", e."start_baseline_on", e."start_forecast_on", e."start_actual_on", e."finish_planned_on", e."finish_baseline_on", e."finish_forecast_on", e."finish_actual_on", e."percent_complete", e."budget", e."forecast_cost", e."actual_cost", e."currency", e."rag_reported", e."rag_assured", e."rag_computed", array_to_string(e.rag_reasons, ', ') AS rag_reasons, array_to_string(e.tags, ', ') AS tags, array_to_string(e.same_as, ', ') AS same_as
FROM public.project e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND (e.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR e.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR e.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))));
COMMENT ON VIEW bi.dim_project IS 'A temporary endeavour with an owner, a plan and an end.';
COMMENT ON COLUMN bi.dim_project."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.dim_project."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.dim_project."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.dim_project."description" IS 'Plain text.';
COMMENT ON COLUMN bi.dim_project."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.dim_project."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.dim_project."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.dim_project."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.dim_project."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.dim_project."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.dim_project."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.dim_project."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.dim_project."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.dim_project."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.dim_project."code" IS 'The organisation''s own project code; joins tools where a match rule says so.';
COMMENT ON COLUMN bi.dim_project."programme_id" IS 'The programme it belongs to.';
COMMENT ON COLUMN bi.dim_project."portfolio_id" IS 'Its portfolio, where it has no programme.';
COMMENT ON COLUMN bi.dim_project."stage" IS 'Where it is in its life.';
COMMENT ON COLUMN bi.dim_project."category" IS 'Kind of project, in the organisation''s words.';
COMMENT ON COLUMN bi.dim_project."delivery_method" IS 'How it is run.';
COMMENT ON COLUMN bi.dim_project."sponsor_id" IS 'Who wants it and answers for the benefits.';
COMMENT ON COLUMN bi.dim_project."manager_id" IS 'Project manager, or the tool''s project lead.';
COMMENT ON COLUMN bi.dim_project."priority" IS 'Priority, in the organisation''s words.';
COMMENT ON COLUMN bi.dim_project."start_planned_on" IS 'Planned start.';
COMMENT ON COLUMN bi.dim_project."start_baseline_on" IS 'Start in the approved baseline.';
COMMENT ON COLUMN bi.dim_project."start_forecast_on" IS 'Start as now expected.';
COMMENT ON COLUMN bi.dim_project."start_actual_on" IS 'When it did start.';
COMMENT ON COLUMN bi.dim_project."finish_planned_on" IS 'Planned finish.';
COMMENT ON COLUMN bi.dim_project."finish_baseline_on" IS 'Finish in the approved baseline.';
COMMENT ON COLUMN bi.dim_project."finish_forecast_on" IS 'Finish as now expected.';
COMMENT ON COLUMN bi.dim_project."finish_actual_on" IS 'When it did finish.';
COMMENT ON COLUMN bi.dim_project."percent_complete" IS '0 to 100.';
COMMENT ON COLUMN bi.dim_project."budget" IS 'Approved budget, in `currency`.';
COMMENT ON COLUMN bi.dim_project."forecast_cost" IS 'Cost at completion as now expected.';
COMMENT ON COLUMN bi.dim_project."actual_cost" IS 'Spent so far.';
COMMENT ON COLUMN bi.dim_project."currency" IS 'ISO 4217 code.';
COMMENT ON COLUMN bi.dim_project."rag_reported" IS 'Red, amber or green as the project reports it.';
COMMENT ON COLUMN bi.dim_project."rag_assured" IS 'As independent assurance sees it.';
COMMENT ON COLUMN bi.dim_project."rag_computed" IS 'As the register computes it.';
COMMENT ON COLUMN bi.dim_project."rag_reasons" IS 'Why `rag_computed` is what it is.';
COMMENT ON COLUMN bi.dim_project."tags" IS 'Free labels.';
COMMENT ON COLUMN bi.dim_project."same_as" IS 'Addresses or keys of the same thing in other tools, as this one tells them.';

CREATE VIEW bi.fact_work_item WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."parent_id", e."type", e."type_source", e."status", e."is_blocked", e."priority", e."assignee_id", e."reporter_id", e."iteration_id", array_to_string(e.labels, ', ') AS labels, array_to_string(e.components, ', ') AS components, e."wbs", e."level", e."start_planned_on", e."start_baseline_on", e."start_actual_on", e."due_on", e."finish_planned_on", e."finish_baseline_on", e."finish_actual_on", e."percent_complete", e."estimate_hours", e."spent_hours", e."remaining_hours", e."points", e."is_critical", e."total_float_days", e."resolution", e."resolved_at", array_to_string(e.same_as, ', ') AS same_as
FROM public.work_item e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_work_item IS 'Anything a team tracks and finishes: epic, story, bug, task, summary task. (A tracker''s *issue*.)';
COMMENT ON COLUMN bi.fact_work_item."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_work_item."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_work_item."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_work_item."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_work_item."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_work_item."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_work_item."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_work_item."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_work_item."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_work_item."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_work_item."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_work_item."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_work_item."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_work_item."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_work_item."project_id" IS 'The project it belongs to.';
COMMENT ON COLUMN bi.fact_work_item."parent_id" IS 'The item it is a part of.';
COMMENT ON COLUMN bi.fact_work_item."type" IS 'What kind of item, in common words.';
COMMENT ON COLUMN bi.fact_work_item."type_source" IS 'The tool''s own word for its type.';
COMMENT ON COLUMN bi.fact_work_item."status" IS 'Where it stands.';
COMMENT ON COLUMN bi.fact_work_item."is_blocked" IS 'Flagged as impeded.';
COMMENT ON COLUMN bi.fact_work_item."priority" IS 'The tool''s own word for its priority.';
COMMENT ON COLUMN bi.fact_work_item."assignee_id" IS 'Who works on it.';
COMMENT ON COLUMN bi.fact_work_item."reporter_id" IS 'Who raised it.';
COMMENT ON COLUMN bi.fact_work_item."iteration_id" IS 'The running iteration, or the last one.';
COMMENT ON COLUMN bi.fact_work_item."labels" IS 'Free labels.';
COMMENT ON COLUMN bi.fact_work_item."components" IS 'Parts of the product it touches.';
COMMENT ON COLUMN bi.fact_work_item."wbs" IS 'Work breakdown structure number.';
COMMENT ON COLUMN bi.fact_work_item."level" IS 'Depth in the outline, 1 at the top.';
COMMENT ON COLUMN bi.fact_work_item."start_planned_on" IS 'Planned start.';
COMMENT ON COLUMN bi.fact_work_item."start_baseline_on" IS 'Start in the baseline.';
COMMENT ON COLUMN bi.fact_work_item."start_actual_on" IS 'When work began.';
COMMENT ON COLUMN bi.fact_work_item."due_on" IS 'When it is due.';
COMMENT ON COLUMN bi.fact_work_item."finish_planned_on" IS 'Planned finish.';
COMMENT ON COLUMN bi.fact_work_item."finish_baseline_on" IS 'Finish in the baseline.';
COMMENT ON COLUMN bi.fact_work_item."finish_actual_on" IS 'When it was finished.';
COMMENT ON COLUMN bi.fact_work_item."percent_complete" IS '0 to 100.';
COMMENT ON COLUMN bi.fact_work_item."estimate_hours" IS 'Original estimate.';
COMMENT ON COLUMN bi.fact_work_item."spent_hours" IS 'Work booked so far.';
COMMENT ON COLUMN bi.fact_work_item."remaining_hours" IS 'Work still expected.';
COMMENT ON COLUMN bi.fact_work_item."points" IS 'Story points.';
COMMENT ON COLUMN bi.fact_work_item."is_critical" IS 'On the critical path, says the tool.';
COMMENT ON COLUMN bi.fact_work_item."total_float_days" IS 'Working days it can slip without moving the finish.';
COMMENT ON COLUMN bi.fact_work_item."resolution" IS 'The tool''s own word for how it ended.';
COMMENT ON COLUMN bi.fact_work_item."resolved_at" IS 'When it was resolved.';
COMMENT ON COLUMN bi.fact_work_item."same_as" IS 'Addresses or keys of the same thing in other tools, as this one tells them.';

CREATE VIEW bi.bridge_work_item_iterations WITH (security_barrier) AS
SELECT e.id AS work_item_id, i.id AS iteration_id
FROM public.work_item e CROSS JOIN LATERAL unnest(e.iteration_ids) i (id)
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.bridge_work_item_iterations IS 'Every iteration it was planned in, oldest first.';
COMMENT ON COLUMN bi.bridge_work_item_iterations."work_item_id" IS 'The work_item.';
COMMENT ON COLUMN bi.bridge_work_item_iterations."iteration_id" IS 'Every iteration it was planned in, oldest first.';

CREATE VIEW bi.bridge_work_item_milestones WITH (security_barrier) AS
SELECT e.id AS work_item_id, i.id AS milestone_id
FROM public.work_item e CROSS JOIN LATERAL unnest(e.milestone_ids) i (id)
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.bridge_work_item_milestones IS 'Milestones (releases) it is to be delivered with.';
COMMENT ON COLUMN bi.bridge_work_item_milestones."work_item_id" IS 'The work_item.';
COMMENT ON COLUMN bi.bridge_work_item_milestones."milestone_id" IS 'Milestones (releases) it is to be delivered with.';

CREATE VIEW bi.fact_milestone WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."kind", e."baseline_on", e."planned_on", e."forecast_on", e."actual_on", e."status", e."slip_days", e."owner_id", array_to_string(e.same_as, ', ') AS same_as
FROM public.milestone e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_milestone IS 'A dated point that matters outside the team: a gate, a delivery, a payment, a release.';
COMMENT ON COLUMN bi.fact_milestone."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_milestone."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_milestone."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_milestone."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_milestone."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_milestone."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_milestone."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_milestone."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_milestone."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_milestone."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_milestone."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_milestone."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_milestone."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_milestone."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_milestone."project_id" IS 'The project it belongs to.';
COMMENT ON COLUMN bi.fact_milestone."kind" IS 'What kind of point.';
COMMENT ON COLUMN bi.fact_milestone."baseline_on" IS 'Date in the approved baseline.';
COMMENT ON COLUMN bi.fact_milestone."planned_on" IS 'Date in the current plan.';
COMMENT ON COLUMN bi.fact_milestone."forecast_on" IS 'Date as now expected.';
COMMENT ON COLUMN bi.fact_milestone."actual_on" IS 'When it was reached.';
COMMENT ON COLUMN bi.fact_milestone."status" IS 'Where it stands.';
COMMENT ON COLUMN bi.fact_milestone."slip_days" IS 'Working days (Monday to Friday) that actual, else forecast, else planned lies after the baseline; negative when earlier. Computed here.';
COMMENT ON COLUMN bi.fact_milestone."owner_id" IS 'Who answers for it.';
COMMENT ON COLUMN bi.fact_milestone."same_as" IS 'Addresses or keys of the same thing in other tools, as this one tells them.';

CREATE VIEW bi.dim_iteration WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."team", e."start_on", e."finish_on", e."completed_at", e."state", e."goal"
FROM public.iteration e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.dim_iteration IS 'A time box a team plans work into: a sprint.';
COMMENT ON COLUMN bi.dim_iteration."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.dim_iteration."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.dim_iteration."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.dim_iteration."description" IS 'Plain text.';
COMMENT ON COLUMN bi.dim_iteration."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.dim_iteration."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.dim_iteration."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.dim_iteration."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.dim_iteration."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.dim_iteration."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.dim_iteration."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.dim_iteration."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.dim_iteration."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.dim_iteration."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.dim_iteration."project_id" IS 'The project, where it serves one.';
COMMENT ON COLUMN bi.dim_iteration."team" IS 'Team or board it belongs to.';
COMMENT ON COLUMN bi.dim_iteration."start_on" IS 'First day.';
COMMENT ON COLUMN bi.dim_iteration."finish_on" IS 'Last day.';
COMMENT ON COLUMN bi.dim_iteration."completed_at" IS 'When the team closed it.';
COMMENT ON COLUMN bi.dim_iteration."state" IS 'Where it stands.';
COMMENT ON COLUMN bi.dim_iteration."goal" IS 'What the team wants to reach with it.';

CREATE VIEW bi.fact_dependency WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."kind", e."kind_source", e."from_work_item_id", e."to_work_item_id", e."from_milestone_id", e."to_milestone_id", e."from_project_id", e."to_project_id", e."lag_days", e."need_by_on", e."promised_on", e."status", e."owner_id"
FROM public.dependency e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND (EXISTS (SELECT FROM "work_item" h WHERE h.id = e.from_work_item_id AND EXISTS (SELECT FROM project s WHERE s.id = h.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))) OR EXISTS (SELECT FROM "work_item" h WHERE h.id = e.to_work_item_id AND EXISTS (SELECT FROM project s WHERE s.id = h.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))) OR EXISTS (SELECT FROM "milestone" h WHERE h.id = e.from_milestone_id AND EXISTS (SELECT FROM project s WHERE s.id = h.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))) OR EXISTS (SELECT FROM "milestone" h WHERE h.id = e.to_milestone_id AND EXISTS (SELECT FROM project s WHERE s.id = h.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))) OR EXISTS (SELECT FROM project s WHERE s.id = e.from_project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) OR EXISTS (SELECT FROM project s WHERE s.id = e.to_project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))))));
COMMENT ON VIEW bi.fact_dependency IS 'One thing that waits for, or is tied to, another; across projects and tools.';
COMMENT ON COLUMN bi.fact_dependency."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_dependency."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_dependency."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_dependency."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_dependency."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_dependency."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_dependency."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_dependency."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_dependency."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_dependency."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_dependency."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_dependency."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_dependency."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_dependency."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_dependency."kind" IS 'How they are tied.';
COMMENT ON COLUMN bi.fact_dependency."kind_source" IS 'The tool''s own word for the link.';
COMMENT ON COLUMN bi.fact_dependency."from_work_item_id" IS 'The predecessor, or what blocks.';
COMMENT ON COLUMN bi.fact_dependency."to_work_item_id" IS 'The successor, or what is blocked.';
COMMENT ON COLUMN bi.fact_dependency."from_milestone_id" IS 'The predecessor, a milestone.';
COMMENT ON COLUMN bi.fact_dependency."to_milestone_id" IS 'The successor, a milestone.';
COMMENT ON COLUMN bi.fact_dependency."from_project_id" IS 'The giving project.';
COMMENT ON COLUMN bi.fact_dependency."to_project_id" IS 'The receiving project.';
COMMENT ON COLUMN bi.fact_dependency."lag_days" IS 'Working days between the two; negative is a lead.';
COMMENT ON COLUMN bi.fact_dependency."need_by_on" IS 'When the receiver needs it.';
COMMENT ON COLUMN bi.fact_dependency."promised_on" IS 'When the giver promises it.';
COMMENT ON COLUMN bi.fact_dependency."status" IS 'Where it stands.';
COMMENT ON COLUMN bi.fact_dependency."owner_id" IS 'Who looks after it.';

CREATE VIEW bi.dim_person WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."email", e."accounts", e."active", e."role", e."team", e."timezone"
FROM public.person e
WHERE e.presence = 'present' AND (SELECT bi.sees_something());
COMMENT ON VIEW bi.dim_person IS 'Someone named in a tool. `title` is the name.';
COMMENT ON COLUMN bi.dim_person."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.dim_person."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.dim_person."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.dim_person."description" IS 'Plain text.';
COMMENT ON COLUMN bi.dim_person."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.dim_person."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.dim_person."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.dim_person."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.dim_person."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.dim_person."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.dim_person."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.dim_person."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.dim_person."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.dim_person."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.dim_person."email" IS 'E-mail address, lower case; hidden by privacy settings in some tools.';
COMMENT ON COLUMN bi.dim_person."accounts" IS 'The person''s account in each source.';
COMMENT ON COLUMN bi.dim_person."active" IS 'The account can still sign in.';
COMMENT ON COLUMN bi.dim_person."role" IS 'Role or job title.';
COMMENT ON COLUMN bi.dim_person."team" IS 'Team or department.';
COMMENT ON COLUMN bi.dim_person."timezone" IS 'IANA name.';

CREATE VIEW bi.fact_assignment WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."work_item_id", e."project_id", e."person_id", e."role", e."units_percent", e."planned_hours", e."actual_hours", e."remaining_hours", e."start_on", e."finish_on"
FROM public.assignment e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_assignment IS 'A person put on a work item or a project.';
COMMENT ON COLUMN bi.fact_assignment."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_assignment."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_assignment."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_assignment."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_assignment."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_assignment."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_assignment."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_assignment."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_assignment."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_assignment."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_assignment."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_assignment."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_assignment."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_assignment."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_assignment."work_item_id" IS 'What the person is put on.';
COMMENT ON COLUMN bi.fact_assignment."project_id" IS 'The project, also for work items.';
COMMENT ON COLUMN bi.fact_assignment."person_id" IS 'Who.';
COMMENT ON COLUMN bi.fact_assignment."role" IS 'In which role.';
COMMENT ON COLUMN bi.fact_assignment."units_percent" IS 'Share of a full-time week, 0 to 100 and above.';
COMMENT ON COLUMN bi.fact_assignment."planned_hours" IS 'Planned effort.';
COMMENT ON COLUMN bi.fact_assignment."actual_hours" IS 'Effort spent.';
COMMENT ON COLUMN bi.fact_assignment."remaining_hours" IS 'Effort still expected.';
COMMENT ON COLUMN bi.fact_assignment."start_on" IS 'First day.';
COMMENT ON COLUMN bi.fact_assignment."finish_on" IS 'Last day.';

CREATE VIEW bi.fact_time_entry WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."work_item_id", e."project_id", e."person_id", e."worked_on", e."hours"
FROM public.time_entry e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_time_entry IS 'Hours a person booked on a day.';
COMMENT ON COLUMN bi.fact_time_entry."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_time_entry."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_time_entry."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_time_entry."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_time_entry."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_time_entry."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_time_entry."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_time_entry."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_time_entry."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_time_entry."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_time_entry."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_time_entry."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_time_entry."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_time_entry."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_time_entry."work_item_id" IS 'What the time went into.';
COMMENT ON COLUMN bi.fact_time_entry."project_id" IS 'The project, where the tool says.';
COMMENT ON COLUMN bi.fact_time_entry."person_id" IS 'Who worked.';
COMMENT ON COLUMN bi.fact_time_entry."worked_on" IS 'The day, in the zone the tool recorded.';
COMMENT ON COLUMN bi.fact_time_entry."hours" IS 'Hours.';

CREATE VIEW bi.fact_resource_demand WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."person_id", e."role", e."team", e."period_start_on", e."period_finish_on", e."demand_hours", e."capacity_hours"
FROM public.resource_demand e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_resource_demand IS 'Hours of a role that a project needs in a period, beside what there is.';
COMMENT ON COLUMN bi.fact_resource_demand."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_resource_demand."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_resource_demand."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_resource_demand."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_resource_demand."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_resource_demand."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_resource_demand."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_resource_demand."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_resource_demand."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_resource_demand."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_resource_demand."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_resource_demand."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_resource_demand."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_resource_demand."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_resource_demand."project_id" IS 'Who asks.';
COMMENT ON COLUMN bi.fact_resource_demand."person_id" IS 'The person, where one is named.';
COMMENT ON COLUMN bi.fact_resource_demand."role" IS 'The role asked for.';
COMMENT ON COLUMN bi.fact_resource_demand."team" IS 'The team it is asked of.';
COMMENT ON COLUMN bi.fact_resource_demand."period_start_on" IS 'First day of the period.';
COMMENT ON COLUMN bi.fact_resource_demand."period_finish_on" IS 'Last day of the period.';
COMMENT ON COLUMN bi.fact_resource_demand."demand_hours" IS 'Hours asked for.';
COMMENT ON COLUMN bi.fact_resource_demand."capacity_hours" IS 'Hours there are.';

CREATE VIEW bi.fact_risk WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."programme_id", e."kind", e."cause", e."event", e."effect", e."category", e."probability", e."impact", e."score", e."residual_probability", e."residual_impact", e."residual_score", e."proximity", e."response", e."owner_id", e."cost_impact", e."currency", e."parent_id", e."shared_cause", e."raised_on", e."review_on", e."closed_on", e."status"
FROM public.risk e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND (EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) OR e.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]))));
COMMENT ON VIEW bi.fact_risk IS 'An uncertain event that would help or hurt an objective.';
COMMENT ON COLUMN bi.fact_risk."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_risk."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_risk."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_risk."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_risk."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_risk."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_risk."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_risk."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_risk."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_risk."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_risk."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_risk."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_risk."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_risk."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_risk."project_id" IS 'The project at risk.';
COMMENT ON COLUMN bi.fact_risk."programme_id" IS 'The programme, for its own risks.';
COMMENT ON COLUMN bi.fact_risk."kind" IS 'Whether it would hurt or help.';
COMMENT ON COLUMN bi.fact_risk."cause" IS 'What it springs from.';
COMMENT ON COLUMN bi.fact_risk."event" IS 'What may happen.';
COMMENT ON COLUMN bi.fact_risk."effect" IS 'What it would do to the objectives.';
COMMENT ON COLUMN bi.fact_risk."category" IS 'Category, in the organisation''s words.';
COMMENT ON COLUMN bi.fact_risk."probability" IS 'Inherent probability, 1 to 5.';
COMMENT ON COLUMN bi.fact_risk."impact" IS 'Inherent impact, 1 to 5.';
COMMENT ON COLUMN bi.fact_risk."score" IS 'Probability times impact, computed here.';
COMMENT ON COLUMN bi.fact_risk."residual_probability" IS 'Probability after the response, 1 to 5.';
COMMENT ON COLUMN bi.fact_risk."residual_impact" IS 'Impact after the response, 1 to 5.';
COMMENT ON COLUMN bi.fact_risk."residual_score" IS 'Residual probability times residual impact, computed here.';
COMMENT ON COLUMN bi.fact_risk."proximity" IS 'How soon it could strike.';
COMMENT ON COLUMN bi.fact_risk."response" IS 'What is done about it.';
COMMENT ON COLUMN bi.fact_risk."owner_id" IS 'Risk owner.';
COMMENT ON COLUMN bi.fact_risk."cost_impact" IS 'What it would cost, in `currency`.';
COMMENT ON COLUMN bi.fact_risk."currency" IS 'ISO 4217 code.';
COMMENT ON COLUMN bi.fact_risk."parent_id" IS 'The wider risk it is part of.';
COMMENT ON COLUMN bi.fact_risk."shared_cause" IS 'Risks with the same word here share a cause and are counted once.';
COMMENT ON COLUMN bi.fact_risk."raised_on" IS 'When it was raised.';
COMMENT ON COLUMN bi.fact_risk."review_on" IS 'When it is next looked at.';
COMMENT ON COLUMN bi.fact_risk."closed_on" IS 'When it was closed.';
COMMENT ON COLUMN bi.fact_risk."status" IS 'Where it stands.';

CREATE VIEW bi.fact_issue WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."kind", e."severity", e."priority", e."impact_text", e."response", e."raised_by_id", e."owner_id", e."raised_on", e."due_on", e."closed_on", e."status"
FROM public.issue e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_issue IS 'A project issue: something that has happened and needs management (PRINCE2). Not a tracker''s issue.';
COMMENT ON COLUMN bi.fact_issue."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_issue."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_issue."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_issue."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_issue."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_issue."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_issue."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_issue."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_issue."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_issue."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_issue."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_issue."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_issue."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_issue."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_issue."project_id" IS 'The project concerned.';
COMMENT ON COLUMN bi.fact_issue."kind" IS 'What kind.';
COMMENT ON COLUMN bi.fact_issue."severity" IS 'How bad, in the organisation''s words.';
COMMENT ON COLUMN bi.fact_issue."priority" IS 'Priority, in the organisation''s words.';
COMMENT ON COLUMN bi.fact_issue."impact_text" IS 'What it does to the objectives.';
COMMENT ON COLUMN bi.fact_issue."response" IS 'What is done about it.';
COMMENT ON COLUMN bi.fact_issue."raised_by_id" IS 'Who raised it.';
COMMENT ON COLUMN bi.fact_issue."owner_id" IS 'Who resolves it.';
COMMENT ON COLUMN bi.fact_issue."raised_on" IS 'When it was raised.';
COMMENT ON COLUMN bi.fact_issue."due_on" IS 'When it should be resolved.';
COMMENT ON COLUMN bi.fact_issue."closed_on" IS 'When it was closed.';
COMMENT ON COLUMN bi.fact_issue."status" IS 'Where it stands.';

CREATE VIEW bi.fact_assumption WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."impact_text", e."confidence", e."owner_id", e."raised_on", e."validate_by_on", e."status"
FROM public.assumption e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_assumption IS 'Something taken as true for planning.';
COMMENT ON COLUMN bi.fact_assumption."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_assumption."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_assumption."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_assumption."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_assumption."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_assumption."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_assumption."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_assumption."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_assumption."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_assumption."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_assumption."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_assumption."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_assumption."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_assumption."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_assumption."project_id" IS 'The project concerned.';
COMMENT ON COLUMN bi.fact_assumption."impact_text" IS 'What follows if it is wrong.';
COMMENT ON COLUMN bi.fact_assumption."confidence" IS 'How sure, in the organisation''s words.';
COMMENT ON COLUMN bi.fact_assumption."owner_id" IS 'Who checks it.';
COMMENT ON COLUMN bi.fact_assumption."raised_on" IS 'When it was written down.';
COMMENT ON COLUMN bi.fact_assumption."validate_by_on" IS 'When it should be checked.';
COMMENT ON COLUMN bi.fact_assumption."status" IS 'Where it stands.';

CREATE VIEW bi.fact_decision WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."rationale", e."options", e."decided_by_id", e."decided_by_text", e."needed_by_on", e."decided_on", e."status"
FROM public.decision e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_decision IS 'A decision and who took it.';
COMMENT ON COLUMN bi.fact_decision."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_decision."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_decision."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_decision."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_decision."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_decision."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_decision."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_decision."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_decision."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_decision."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_decision."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_decision."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_decision."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_decision."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_decision."project_id" IS 'The project concerned.';
COMMENT ON COLUMN bi.fact_decision."rationale" IS 'Why.';
COMMENT ON COLUMN bi.fact_decision."options" IS 'What else was considered.';
COMMENT ON COLUMN bi.fact_decision."decided_by_id" IS 'Who decided.';
COMMENT ON COLUMN bi.fact_decision."decided_by_text" IS 'Who decided, as written (a board).';
COMMENT ON COLUMN bi.fact_decision."needed_by_on" IS 'When it was, or is, needed.';
COMMENT ON COLUMN bi.fact_decision."decided_on" IS 'When it was taken.';
COMMENT ON COLUMN bi.fact_decision."status" IS 'Where it stands.';

CREATE VIEW bi.fact_change_request WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."reason", e."impact_text", e."cost_impact", e."currency", e."days_impact", e."requested_by_id", e."raised_on", e."decided_on", e."status"
FROM public.change_request e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_change_request IS 'A proposal to change what was agreed.';
COMMENT ON COLUMN bi.fact_change_request."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_change_request."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_change_request."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_change_request."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_change_request."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_change_request."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_change_request."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_change_request."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_change_request."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_change_request."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_change_request."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_change_request."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_change_request."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_change_request."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_change_request."project_id" IS 'The project concerned.';
COMMENT ON COLUMN bi.fact_change_request."reason" IS 'Why it is asked for.';
COMMENT ON COLUMN bi.fact_change_request."impact_text" IS 'What it would change in scope, time, cost, quality.';
COMMENT ON COLUMN bi.fact_change_request."cost_impact" IS 'What it would cost, in `currency`.';
COMMENT ON COLUMN bi.fact_change_request."currency" IS 'ISO 4217 code.';
COMMENT ON COLUMN bi.fact_change_request."days_impact" IS 'Working days it would move the finish.';
COMMENT ON COLUMN bi.fact_change_request."requested_by_id" IS 'Who asks.';
COMMENT ON COLUMN bi.fact_change_request."raised_on" IS 'When it was raised.';
COMMENT ON COLUMN bi.fact_change_request."decided_on" IS 'When it was decided.';
COMMENT ON COLUMN bi.fact_change_request."status" IS 'Where it stands.';

CREATE VIEW bi.fact_action WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."owner_id", e."raised_on", e."due_on", e."closed_on", e."priority", e."status"
FROM public.action e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_action IS 'Something someone has to do, from a meeting or a review.';
COMMENT ON COLUMN bi.fact_action."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_action."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_action."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_action."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_action."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_action."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_action."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_action."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_action."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_action."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_action."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_action."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_action."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_action."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_action."project_id" IS 'The project concerned.';
COMMENT ON COLUMN bi.fact_action."owner_id" IS 'Who does it.';
COMMENT ON COLUMN bi.fact_action."raised_on" IS 'When it was agreed.';
COMMENT ON COLUMN bi.fact_action."due_on" IS 'When it is due.';
COMMENT ON COLUMN bi.fact_action."closed_on" IS 'When it was done.';
COMMENT ON COLUMN bi.fact_action."priority" IS 'Priority, in the organisation''s words.';
COMMENT ON COLUMN bi.fact_action."status" IS 'Where it stands.';

CREATE VIEW bi.fact_lesson WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."category", e."event", e."effect", e."recommendation", e."owner_id", e."raised_on", e."status"
FROM public.lesson e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_lesson IS 'What a project learnt that others should know.';
COMMENT ON COLUMN bi.fact_lesson."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_lesson."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_lesson."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_lesson."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_lesson."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_lesson."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_lesson."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_lesson."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_lesson."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_lesson."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_lesson."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_lesson."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_lesson."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_lesson."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_lesson."project_id" IS 'Where it was learnt.';
COMMENT ON COLUMN bi.fact_lesson."category" IS 'Category, in the organisation''s words.';
COMMENT ON COLUMN bi.fact_lesson."event" IS 'What happened.';
COMMENT ON COLUMN bi.fact_lesson."effect" IS 'What it led to.';
COMMENT ON COLUMN bi.fact_lesson."recommendation" IS 'What to do next time.';
COMMENT ON COLUMN bi.fact_lesson."owner_id" IS 'Who passes it on.';
COMMENT ON COLUMN bi.fact_lesson."raised_on" IS 'When it was written down.';
COMMENT ON COLUMN bi.fact_lesson."status" IS 'Where it stands.';

CREATE VIEW bi.fact_deliverable WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."version_label", e."ci_status", e."owner_id", e."due_on", e."accepted_on", e."location_url", e."last_audit_on", e."audit_result"
FROM public.deliverable e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_deliverable IS 'A product to be delivered and accepted: a configuration item.';
COMMENT ON COLUMN bi.fact_deliverable."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_deliverable."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_deliverable."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_deliverable."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_deliverable."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_deliverable."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_deliverable."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_deliverable."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_deliverable."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_deliverable."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_deliverable."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_deliverable."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_deliverable."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_deliverable."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_deliverable."project_id" IS 'The project that makes it.';
COMMENT ON COLUMN bi.fact_deliverable."version_label" IS 'The product''s own version.';
COMMENT ON COLUMN bi.fact_deliverable."ci_status" IS 'Where it stands.';
COMMENT ON COLUMN bi.fact_deliverable."owner_id" IS 'Who makes it.';
COMMENT ON COLUMN bi.fact_deliverable."due_on" IS 'When it is due.';
COMMENT ON COLUMN bi.fact_deliverable."accepted_on" IS 'When it was accepted.';
COMMENT ON COLUMN bi.fact_deliverable."location_url" IS 'Where it is kept.';
COMMENT ON COLUMN bi.fact_deliverable."last_audit_on" IS 'When its status was last audited.';
COMMENT ON COLUMN bi.fact_deliverable."audit_result" IS 'What the audit found.';

CREATE VIEW bi.fact_cost_line WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."basis", e."category", e."period_start_on", e."period_finish_on", e."amount", e."currency", e."supplier"
FROM public.cost_line e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_cost_line IS 'An amount in a period, on one basis.';
COMMENT ON COLUMN bi.fact_cost_line."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_cost_line."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_cost_line."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_cost_line."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_cost_line."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_cost_line."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_cost_line."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_cost_line."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_cost_line."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_cost_line."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_cost_line."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_cost_line."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_cost_line."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_cost_line."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_cost_line."project_id" IS 'The project.';
COMMENT ON COLUMN bi.fact_cost_line."basis" IS 'What the amount is.';
COMMENT ON COLUMN bi.fact_cost_line."category" IS 'Cost category: staff, licences, capital …';
COMMENT ON COLUMN bi.fact_cost_line."period_start_on" IS 'First day of the period.';
COMMENT ON COLUMN bi.fact_cost_line."period_finish_on" IS 'Last day of the period.';
COMMENT ON COLUMN bi.fact_cost_line."amount" IS 'Amount, in `currency`.';
COMMENT ON COLUMN bi.fact_cost_line."currency" IS 'ISO 4217 code.';
COMMENT ON COLUMN bi.fact_cost_line."supplier" IS 'Whom it is paid to.';

CREATE VIEW bi.fact_benefit WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."programme_id", e."milestone_id", e."kind", e."measure", e."unit", e."baseline_value", e."target_value", e."actual_value", e."currency", e."start_on", e."target_on", e."profile", e."owner_id", e."status", array_to_string(e.tags, ', ') AS tags
FROM public.benefit e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND (EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) OR e.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]))));
COMMENT ON VIEW bi.fact_benefit IS 'A measurable improvement that a project is done for.';
COMMENT ON COLUMN bi.fact_benefit."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_benefit."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_benefit."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_benefit."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_benefit."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_benefit."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_benefit."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_benefit."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_benefit."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_benefit."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_benefit."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_benefit."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_benefit."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_benefit."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_benefit."project_id" IS 'The project that enables it.';
COMMENT ON COLUMN bi.fact_benefit."programme_id" IS 'The programme that enables it.';
COMMENT ON COLUMN bi.fact_benefit."milestone_id" IS 'The milestone that unlocks it.';
COMMENT ON COLUMN bi.fact_benefit."kind" IS 'What kind.';
COMMENT ON COLUMN bi.fact_benefit."measure" IS 'What is measured.';
COMMENT ON COLUMN bi.fact_benefit."unit" IS 'In which unit.';
COMMENT ON COLUMN bi.fact_benefit."baseline_value" IS 'Value before.';
COMMENT ON COLUMN bi.fact_benefit."target_value" IS 'Value aimed at.';
COMMENT ON COLUMN bi.fact_benefit."actual_value" IS 'Value now.';
COMMENT ON COLUMN bi.fact_benefit."currency" IS 'ISO 4217 code, where the unit is money.';
COMMENT ON COLUMN bi.fact_benefit."start_on" IS 'When it begins to be felt.';
COMMENT ON COLUMN bi.fact_benefit."target_on" IS 'When the target should be reached.';
COMMENT ON COLUMN bi.fact_benefit."profile" IS 'Per period: `{period, forecast, actual}`.';
COMMENT ON COLUMN bi.fact_benefit."owner_id" IS 'Benefit owner.';
COMMENT ON COLUMN bi.fact_benefit."status" IS 'Where it stands.';
COMMENT ON COLUMN bi.fact_benefit."tags" IS 'Free labels.';

CREATE VIEW bi.fact_status_report WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."programme_id", e."period_start_on", e."period_finish_on", e."rag_overall", e."rag_schedule", e."rag_cost", e."rag_scope", e."rag_resources", e."rag_risks", e."rag_benefits", e."narrative", e."achievements", e."next_steps", e."author_id"
FROM public.status_report e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND (EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) OR e.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]))));
COMMENT ON VIEW bi.fact_status_report IS 'A periodic report (a highlight report).';
COMMENT ON COLUMN bi.fact_status_report."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_status_report."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_status_report."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_status_report."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_status_report."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_status_report."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_status_report."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_status_report."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_status_report."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_status_report."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_status_report."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_status_report."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_status_report."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_status_report."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_status_report."project_id" IS 'The project reported on.';
COMMENT ON COLUMN bi.fact_status_report."programme_id" IS 'The programme reported on.';
COMMENT ON COLUMN bi.fact_status_report."period_start_on" IS 'First day reported on.';
COMMENT ON COLUMN bi.fact_status_report."period_finish_on" IS 'Last day reported on.';
COMMENT ON COLUMN bi.fact_status_report."rag_overall" IS 'Overall.';
COMMENT ON COLUMN bi.fact_status_report."rag_schedule" IS 'Schedule.';
COMMENT ON COLUMN bi.fact_status_report."rag_cost" IS 'Cost.';
COMMENT ON COLUMN bi.fact_status_report."rag_scope" IS 'Scope.';
COMMENT ON COLUMN bi.fact_status_report."rag_resources" IS 'Resources.';
COMMENT ON COLUMN bi.fact_status_report."rag_risks" IS 'Risks.';
COMMENT ON COLUMN bi.fact_status_report."rag_benefits" IS 'Benefits.';
COMMENT ON COLUMN bi.fact_status_report."narrative" IS 'What to know, in words.';
COMMENT ON COLUMN bi.fact_status_report."achievements" IS 'Done in the period.';
COMMENT ON COLUMN bi.fact_status_report."next_steps" IS 'Planned for the next one.';
COMMENT ON COLUMN bi.fact_status_report."author_id" IS 'Who reports.';

CREATE VIEW bi.fact_gate_review WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."gate", e."planned_on", e."held_on", e."rating", e."outcome", e."chair_id"
FROM public.gate_review e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_gate_review IS 'A review at which a project may go on, change or stop.';
COMMENT ON COLUMN bi.fact_gate_review."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_gate_review."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_gate_review."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_gate_review."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_gate_review."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_gate_review."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_gate_review."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_gate_review."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_gate_review."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_gate_review."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_gate_review."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_gate_review."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_gate_review."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_gate_review."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_gate_review."project_id" IS 'The project reviewed.';
COMMENT ON COLUMN bi.fact_gate_review."gate" IS 'Which gate.';
COMMENT ON COLUMN bi.fact_gate_review."planned_on" IS 'When it should be held.';
COMMENT ON COLUMN bi.fact_gate_review."held_on" IS 'When it was held.';
COMMENT ON COLUMN bi.fact_gate_review."rating" IS 'Delivery confidence.';
COMMENT ON COLUMN bi.fact_gate_review."outcome" IS 'What was decided.';
COMMENT ON COLUMN bi.fact_gate_review."chair_id" IS 'Who led it.';

CREATE VIEW bi.fact_recommendation WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."gate_review_id", e."project_id", e."urgency", e."owner_id", e."due_on", e."closed_on", e."state"
FROM public.recommendation e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_recommendation IS 'What a review asks for.';
COMMENT ON COLUMN bi.fact_recommendation."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_recommendation."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_recommendation."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_recommendation."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_recommendation."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_recommendation."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_recommendation."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_recommendation."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_recommendation."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_recommendation."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_recommendation."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_recommendation."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_recommendation."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_recommendation."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_recommendation."gate_review_id" IS 'The review it comes from.';
COMMENT ON COLUMN bi.fact_recommendation."project_id" IS 'The project it concerns.';
COMMENT ON COLUMN bi.fact_recommendation."urgency" IS 'How soon.';
COMMENT ON COLUMN bi.fact_recommendation."owner_id" IS 'Who carries it out.';
COMMENT ON COLUMN bi.fact_recommendation."due_on" IS 'When it is due.';
COMMENT ON COLUMN bi.fact_recommendation."closed_on" IS 'When it was done.';
COMMENT ON COLUMN bi.fact_recommendation."state" IS 'Where it stands.';

CREATE VIEW bi.dim_objective WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."portfolio_id", e."weight", e."owner_id", e."measure", e."target", e."target_on"
FROM public.objective e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND e.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[])));
COMMENT ON VIEW bi.dim_objective IS 'What the organisation wants to reach.';
COMMENT ON COLUMN bi.dim_objective."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.dim_objective."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.dim_objective."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.dim_objective."description" IS 'Plain text.';
COMMENT ON COLUMN bi.dim_objective."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.dim_objective."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.dim_objective."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.dim_objective."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.dim_objective."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.dim_objective."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.dim_objective."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.dim_objective."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.dim_objective."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.dim_objective."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.dim_objective."portfolio_id" IS 'The portfolio that serves it.';
COMMENT ON COLUMN bi.dim_objective."weight" IS 'How much it counts in prioritisation.';
COMMENT ON COLUMN bi.dim_objective."owner_id" IS 'Who answers for it.';
COMMENT ON COLUMN bi.dim_objective."measure" IS 'How it is measured.';
COMMENT ON COLUMN bi.dim_objective."target" IS 'The value aimed at.';
COMMENT ON COLUMN bi.dim_objective."target_on" IS 'When it should be reached.';

CREATE VIEW bi.fact_score WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."objective_id", e."criterion", e."weight", e."value", e."rationale"
FROM public.score e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_score IS 'How well a project serves a criterion, and why: transparent prioritisation.';
COMMENT ON COLUMN bi.fact_score."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_score."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_score."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_score."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_score."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_score."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_score."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_score."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_score."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_score."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_score."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_score."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_score."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_score."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_score."project_id" IS 'The project scored.';
COMMENT ON COLUMN bi.fact_score."objective_id" IS 'The objective, where the criterion is one.';
COMMENT ON COLUMN bi.fact_score."criterion" IS 'What is scored.';
COMMENT ON COLUMN bi.fact_score."weight" IS 'How much it counts.';
COMMENT ON COLUMN bi.fact_score."value" IS 'The score.';
COMMENT ON COLUMN bi.fact_score."rationale" IS 'Why this score.';

CREATE VIEW bi.fact_baseline WITH (security_barrier) AS
SELECT e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."kind", e."approved_by_id", e."taken_at", e."items"
FROM public.baseline e
WHERE e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_baseline IS 'A frozen plan to measure against.';
COMMENT ON COLUMN bi.fact_baseline."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_baseline."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_baseline."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_baseline."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_baseline."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_baseline."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_baseline."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_baseline."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_baseline."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_baseline."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_baseline."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_baseline."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_baseline."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_baseline."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_baseline."project_id" IS 'The project, where it covers one.';
COMMENT ON COLUMN bi.fact_baseline."kind" IS 'Why it was taken.';
COMMENT ON COLUMN bi.fact_baseline."approved_by_id" IS 'Who approved it.';
COMMENT ON COLUMN bi.fact_baseline."taken_at" IS 'When it was taken.';
COMMENT ON COLUMN bi.fact_baseline."items" IS 'Frozen dates, hours and cost by row id.';

CREATE VIEW bi.dim_source WITH (security_barrier) AS
SELECT e."id", e."key", e."kind", e."url", e."configured", e."paused", e."pause_reason", e."account", e."timezone", e."every_s", e."sweep_at", e."next_run_at", e."next_sweep_at", e."fresh_at", e."complete_at", e."mapping_version", e."mapped_with"
FROM public.source e
WHERE (SELECT bi.sees_something());
COMMENT ON VIEW bi.dim_source IS 'A configured connection, and how it is doing.';
COMMENT ON COLUMN bi.dim_source."id" IS 'Derived from the name.';
COMMENT ON COLUMN bi.dim_source."key" IS 'The name in the configuration.';
COMMENT ON COLUMN bi.dim_source."kind" IS 'The kind of tool: jira, spreadsheet …';
COMMENT ON COLUMN bi.dim_source."url" IS 'Where it is.';
COMMENT ON COLUMN bi.dim_source."configured" IS 'Named in the configuration that was last loaded.';
COMMENT ON COLUMN bi.dim_source."paused" IS 'Nothing is read until a person resumes it.';
COMMENT ON COLUMN bi.dim_source."pause_reason" IS 'Why it is paused, in words.';
COMMENT ON COLUMN bi.dim_source."account" IS 'Who we are there.';
COMMENT ON COLUMN bi.dim_source."timezone" IS 'The account''s time zone.';
COMMENT ON COLUMN bi.dim_source."every_s" IS 'Seconds between incremental runs.';
COMMENT ON COLUMN bi.dim_source."sweep_at" IS 'Local time of the daily complete run, HH:MM.';
COMMENT ON COLUMN bi.dim_source."next_run_at" IS 'When the next incremental run is due.';
COMMENT ON COLUMN bi.dim_source."next_sweep_at" IS 'When the next complete run is due.';
COMMENT ON COLUMN bi.dim_source."fresh_at" IS 'Everything the source showed up to this instant is in the register.';
COMMENT ON COLUMN bi.dim_source."complete_at" IS 'Start of the last complete run that succeeded.';
COMMENT ON COLUMN bi.dim_source."mapping_version" IS 'Hash of the mapping the register was last built with.';
COMMENT ON COLUMN bi.dim_source."mapped_with" IS 'Hash of the mapping that every record has been said with; empty while several were used.';

CREATE VIEW bi.fact_run WITH (security_barrier) AS
SELECT e."id", e."source", e."mode", e."state", e."requested_by", e."requested_at", e."not_before", e."started_at", e."finished_at", e."attempts", e."approved", e."seen", e."stored", e."unchanged", e."quarantined", e."vanished", e."rows_changed", e."error_code", e."error", e."account", e."mapping_version"
FROM public.run e
WHERE ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND false));
COMMENT ON VIEW bi.fact_run IS 'One pass over a source, with its accounts: seen = stored + unchanged + quarantined.';
COMMENT ON COLUMN bi.fact_run."id" IS 'Rises with time.';
COMMENT ON COLUMN bi.fact_run."source" IS 'The source.';
COMMENT ON COLUMN bi.fact_run."mode" IS 'What was read: what notifications named, what changed, or everything.';
COMMENT ON COLUMN bi.fact_run."state" IS 'How it stands.';
COMMENT ON COLUMN bi.fact_run."requested_by" IS 'Who or what asked for it.';
COMMENT ON COLUMN bi.fact_run."requested_at" IS 'When it was asked for.';
COMMENT ON COLUMN bi.fact_run."not_before" IS 'It may start from then on.';
COMMENT ON COLUMN bi.fact_run."started_at" IS 'When it was started.';
COMMENT ON COLUMN bi.fact_run."finished_at" IS 'When it ended.';
COMMENT ON COLUMN bi.fact_run."attempts" IS 'How often it was put off since the tool did not answer.';
COMMENT ON COLUMN bi.fact_run."approved" IS 'A person approved that more than the hold limit vanishes.';
COMMENT ON COLUMN bi.fact_run."seen" IS 'Records the tool sent.';
COMMENT ON COLUMN bi.fact_run."stored" IS 'Of these, new or changed.';
COMMENT ON COLUMN bi.fact_run."unchanged" IS 'Of these, as already stored.';
COMMENT ON COLUMN bi.fact_run."quarantined" IS 'Of these, set aside with a finding.';
COMMENT ON COLUMN bi.fact_run."vanished" IS 'Records that a complete run did not meet and that were given a reason.';
COMMENT ON COLUMN bi.fact_run."rows_changed" IS 'Rows written, new and changed.';
COMMENT ON COLUMN bi.fact_run."error_code" IS 'Code of the problem that ended it.';
COMMENT ON COLUMN bi.fact_run."error" IS 'What happened, where, and what to do next.';
COMMENT ON COLUMN bi.fact_run."account" IS 'Who we were at the tool.';
COMMENT ON COLUMN bi.fact_run."mapping_version" IS 'Hash of the mapping used; empty where several were.';

CREATE VIEW bi.fact_finding WITH (security_barrier) AS
SELECT e."id", e."code", e."severity", e."source", e."stream", e."record_id", e."entity", e."entity_id", e."field", e."value", e."message", e."detail", e."hint", e."run_id", e."opened_at", e."closed_at", e."rule_id", e."project_id", e."owner_id", e."waiver_id", e."state"
FROM public.finding e
WHERE ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_finding IS 'Something in the data that a person should mend, at the tool or in the configuration.';
COMMENT ON COLUMN bi.fact_finding."id" IS 'Derived from what it is about, so that the same finding is one row.';
COMMENT ON COLUMN bi.fact_finding."code" IS 'Stable code.';
COMMENT ON COLUMN bi.fact_finding."severity" IS 'How bad.';
COMMENT ON COLUMN bi.fact_finding."source" IS 'The source.';
COMMENT ON COLUMN bi.fact_finding."stream" IS 'The kind of record.';
COMMENT ON COLUMN bi.fact_finding."record_id" IS 'The source record, or a sample of many.';
COMMENT ON COLUMN bi.fact_finding."entity" IS 'The entity type.';
COMMENT ON COLUMN bi.fact_finding."entity_id" IS 'The row concerned.';
COMMENT ON COLUMN bi.fact_finding."field" IS 'The field concerned.';
COMMENT ON COLUMN bi.fact_finding."value" IS 'The value as the tool sent it, shortened.';
COMMENT ON COLUMN bi.fact_finding."message" IS 'What is wrong.';
COMMENT ON COLUMN bi.fact_finding."detail" IS 'Where.';
COMMENT ON COLUMN bi.fact_finding."hint" IS 'What to do next.';
COMMENT ON COLUMN bi.fact_finding."run_id" IS 'The run that first noticed.';
COMMENT ON COLUMN bi.fact_finding."opened_at" IS 'When it was first noticed.';
COMMENT ON COLUMN bi.fact_finding."closed_at" IS 'When it was gone.';
COMMENT ON COLUMN bi.fact_finding."rule_id" IS 'The rule of data quality that found it.';
COMMENT ON COLUMN bi.fact_finding."project_id" IS 'The project concerned.';
COMMENT ON COLUMN bi.fact_finding."owner_id" IS 'Who answers for the row, and can mend it.';
COMMENT ON COLUMN bi.fact_finding."waiver_id" IS 'The waiver under which it counts not.';
COMMENT ON COLUMN bi.fact_finding."state" IS 'Whether it is to be mended, waived for a time, or gone.';

CREATE VIEW bi.fact_quality WITH (security_barrier) AS
SELECT e."id", e."kind", e."key", e."project_id", e."source_id", e."rows", e."errors", e."warnings", e."infos", e."waived", e."score", e."measured_at"
FROM public.quality e
WHERE ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_quality IS 'How good the data of a project or a source is: 100 less its weighted findings per 100 rows, never below 0.';
COMMENT ON COLUMN bi.fact_quality."id" IS 'The id of the project or the source.';
COMMENT ON COLUMN bi.fact_quality."kind" IS 'What is measured.';
COMMENT ON COLUMN bi.fact_quality."key" IS 'What people call it.';
COMMENT ON COLUMN bi.fact_quality."project_id" IS 'The project.';
COMMENT ON COLUMN bi.fact_quality."source_id" IS 'The source.';
COMMENT ON COLUMN bi.fact_quality."rows" IS 'Rows of the project, itself included; or records of the source.';
COMMENT ON COLUMN bi.fact_quality."errors" IS 'Open findings that are errors.';
COMMENT ON COLUMN bi.fact_quality."warnings" IS 'Open findings that are warnings.';
COMMENT ON COLUMN bi.fact_quality."infos" IS 'Open findings that are to be known.';
COMMENT ON COLUMN bi.fact_quality."waived" IS 'Findings that are waived; they count not.';
COMMENT ON COLUMN bi.fact_quality."score" IS '0 to 100; errors count 1, warnings 0.5, the rest 0.1, per 100 rows.';
COMMENT ON COLUMN bi.fact_quality."measured_at" IS 'When one of these numbers last changed.';

CREATE VIEW bi.fact_project_daily WITH (security_barrier) AS
SELECT d.day AS snapshot_on, e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."code", e."programme_id", e."portfolio_id", e."stage", e."category", e."delivery_method", e."sponsor_id", e."manager_id", e."priority", e."start_planned_on", e."start_baseline_on", e."start_forecast_on", e."start_actual_on", e."finish_planned_on", e."finish_baseline_on", e."finish_forecast_on", e."finish_actual_on", e."percent_complete", e."budget", e."forecast_cost", e."actual_cost", e."currency", e."rag_reported", e."rag_assured", e."rag_computed", array_to_string(e.rag_reasons, ', ') AS rag_reasons, array_to_string(e.tags, ', ') AS tags, array_to_string(e.same_as, ', ') AS same_as
FROM (SELECT generate_series((SELECT (at AT TIME ZONE 'UTC')::date FROM public.event ORDER BY seq LIMIT 1),
                             (now() AT TIME ZONE 'UTC')::date, '1 day')::date AS day) d
JOIN (SELECT 'infinity'::timestamptz AS valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "code", "programme_id", "portfolio_id", "stage", "category", "delivery_method", "sponsor_id", "manager_id", "priority", "start_planned_on", "start_baseline_on", "start_forecast_on", "start_actual_on", "finish_planned_on", "finish_baseline_on", "finish_forecast_on", "finish_actual_on", "percent_complete", "budget", "forecast_cost", "actual_cost", "currency", "rag_reported", "rag_assured", "rag_computed", "rag_reasons", "tags", "same_as" FROM public."project" UNION ALL SELECT valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "code", "programme_id", "portfolio_id", "stage", "category", "delivery_method", "sponsor_id", "manager_id", "priority", "start_planned_on", "start_baseline_on", "start_forecast_on", "start_actual_on", "finish_planned_on", "finish_baseline_on", "finish_forecast_on", "finish_actual_on", "percent_complete", "budget", "forecast_cost", "actual_cost", "currency", "rag_reported", "rag_assured", "rag_computed", "rag_reasons", "tags", "same_as" FROM public."project_history") e ON true
WHERE e.valid_from <= ((d.day + 1)::timestamp AT TIME ZONE 'UTC') AND e.valid_to > ((d.day + 1)::timestamp AT TIME ZONE 'UTC') AND e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
COMMENT ON VIEW bi.fact_project_daily IS 'Every project as the register showed it at the end of each day (UTC), since its first event.';
COMMENT ON COLUMN bi.fact_project_daily."snapshot_on" IS 'The day; today: as it is now.';
COMMENT ON COLUMN bi.fact_project_daily."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_project_daily."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_project_daily."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_project_daily."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_project_daily."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_project_daily."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_project_daily."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_project_daily."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_project_daily."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_project_daily."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_project_daily."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_project_daily."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_project_daily."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_project_daily."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_project_daily."code" IS 'The organisation''s own project code; joins tools where a match rule says so.';
COMMENT ON COLUMN bi.fact_project_daily."programme_id" IS 'The programme it belongs to.';
COMMENT ON COLUMN bi.fact_project_daily."portfolio_id" IS 'Its portfolio, where it has no programme.';
COMMENT ON COLUMN bi.fact_project_daily."stage" IS 'Where it is in its life.';
COMMENT ON COLUMN bi.fact_project_daily."category" IS 'Kind of project, in the organisation''s words.';
COMMENT ON COLUMN bi.fact_project_daily."delivery_method" IS 'How it is run.';
COMMENT ON COLUMN bi.fact_project_daily."sponsor_id" IS 'Who wants it and answers for the benefits.';
COMMENT ON COLUMN bi.fact_project_daily."manager_id" IS 'Project manager, or the tool''s project lead.';
COMMENT ON COLUMN bi.fact_project_daily."priority" IS 'Priority, in the organisation''s words.';
COMMENT ON COLUMN bi.fact_project_daily."start_planned_on" IS 'Planned start.';
COMMENT ON COLUMN bi.fact_project_daily."start_baseline_on" IS 'Start in the approved baseline.';
COMMENT ON COLUMN bi.fact_project_daily."start_forecast_on" IS 'Start as now expected.';
COMMENT ON COLUMN bi.fact_project_daily."start_actual_on" IS 'When it did start.';
COMMENT ON COLUMN bi.fact_project_daily."finish_planned_on" IS 'Planned finish.';
COMMENT ON COLUMN bi.fact_project_daily."finish_baseline_on" IS 'Finish in the approved baseline.';
COMMENT ON COLUMN bi.fact_project_daily."finish_forecast_on" IS 'Finish as now expected.';
COMMENT ON COLUMN bi.fact_project_daily."finish_actual_on" IS 'When it did finish.';
COMMENT ON COLUMN bi.fact_project_daily."percent_complete" IS '0 to 100.';
COMMENT ON COLUMN bi.fact_project_daily."budget" IS 'Approved budget, in `currency`.';
COMMENT ON COLUMN bi.fact_project_daily."forecast_cost" IS 'Cost at completion as now expected.';
COMMENT ON COLUMN bi.fact_project_daily."actual_cost" IS 'Spent so far.';
COMMENT ON COLUMN bi.fact_project_daily."currency" IS 'ISO 4217 code.';
COMMENT ON COLUMN bi.fact_project_daily."rag_reported" IS 'Red, amber or green as the project reports it.';
COMMENT ON COLUMN bi.fact_project_daily."rag_assured" IS 'As independent assurance sees it.';
COMMENT ON COLUMN bi.fact_project_daily."rag_computed" IS 'As the register computes it.';
COMMENT ON COLUMN bi.fact_project_daily."rag_reasons" IS 'Why `rag_computed` is what it is.';
COMMENT ON COLUMN bi.fact_project_daily."tags" IS 'Free labels.';
COMMENT ON COLUMN bi.fact_project_daily."same_as" IS 'Addresses or keys of the same thing in other tools, as this one tells them.';

CREATE VIEW bi.fact_milestone_daily WITH (security_barrier) AS
SELECT d.day AS snapshot_on, e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."kind", e."baseline_on", e."planned_on", e."forecast_on", e."actual_on", e."status", e."slip_days", e."owner_id", array_to_string(e.same_as, ', ') AS same_as
FROM (SELECT generate_series((SELECT (at AT TIME ZONE 'UTC')::date FROM public.event ORDER BY seq LIMIT 1),
                             (now() AT TIME ZONE 'UTC')::date, '1 day')::date AS day) d
JOIN (SELECT 'infinity'::timestamptz AS valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "kind", "baseline_on", "planned_on", "forecast_on", "actual_on", "status", "slip_days", "owner_id", "same_as" FROM public."milestone" UNION ALL SELECT valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "kind", "baseline_on", "planned_on", "forecast_on", "actual_on", "status", "slip_days", "owner_id", "same_as" FROM public."milestone_history") e ON true
WHERE e.valid_from <= ((d.day + 1)::timestamp AT TIME ZONE 'UTC') AND e.valid_to > ((d.day + 1)::timestamp AT TIME ZONE 'UTC') AND e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) AND EXISTS (SELECT FROM public."milestone" o WHERE o.id = e.id AND EXISTS (SELECT FROM project s WHERE s.id = o.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))))));
COMMENT ON VIEW bi.fact_milestone_daily IS 'Every milestone as the register showed it at the end of each day (UTC), since its first event.';
COMMENT ON COLUMN bi.fact_milestone_daily."snapshot_on" IS 'The day; today: as it is now.';
COMMENT ON COLUMN bi.fact_milestone_daily."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_milestone_daily."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_milestone_daily."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_milestone_daily."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_milestone_daily."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_milestone_daily."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_milestone_daily."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_milestone_daily."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_milestone_daily."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_milestone_daily."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_milestone_daily."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_milestone_daily."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_milestone_daily."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_milestone_daily."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_milestone_daily."project_id" IS 'The project it belongs to.';
COMMENT ON COLUMN bi.fact_milestone_daily."kind" IS 'What kind of point.';
COMMENT ON COLUMN bi.fact_milestone_daily."baseline_on" IS 'Date in the approved baseline.';
COMMENT ON COLUMN bi.fact_milestone_daily."planned_on" IS 'Date in the current plan.';
COMMENT ON COLUMN bi.fact_milestone_daily."forecast_on" IS 'Date as now expected.';
COMMENT ON COLUMN bi.fact_milestone_daily."actual_on" IS 'When it was reached.';
COMMENT ON COLUMN bi.fact_milestone_daily."status" IS 'Where it stands.';
COMMENT ON COLUMN bi.fact_milestone_daily."slip_days" IS 'Working days (Monday to Friday) that actual, else forecast, else planned lies after the baseline; negative when earlier. Computed here.';
COMMENT ON COLUMN bi.fact_milestone_daily."owner_id" IS 'Who answers for it.';
COMMENT ON COLUMN bi.fact_milestone_daily."same_as" IS 'Addresses or keys of the same thing in other tools, as this one tells them.';

CREATE VIEW bi.fact_risk_daily WITH (security_barrier) AS
SELECT d.day AS snapshot_on, e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."programme_id", e."kind", e."cause", e."event", e."effect", e."category", e."probability", e."impact", e."score", e."residual_probability", e."residual_impact", e."residual_score", e."proximity", e."response", e."owner_id", e."cost_impact", e."currency", e."parent_id", e."shared_cause", e."raised_on", e."review_on", e."closed_on", e."status"
FROM (SELECT generate_series((SELECT (at AT TIME ZONE 'UTC')::date FROM public.event ORDER BY seq LIMIT 1),
                             (now() AT TIME ZONE 'UTC')::date, '1 day')::date AS day) d
JOIN (SELECT 'infinity'::timestamptz AS valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "programme_id", "kind", "cause", "event", "effect", "category", "probability", "impact", "score", "residual_probability", "residual_impact", "residual_score", "proximity", "response", "owner_id", "cost_impact", "currency", "parent_id", "shared_cause", "raised_on", "review_on", "closed_on", "status" FROM public."risk" UNION ALL SELECT valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "programme_id", "kind", "cause", "event", "effect", "category", "probability", "impact", "score", "residual_probability", "residual_impact", "residual_score", "proximity", "response", "owner_id", "cost_impact", "currency", "parent_id", "shared_cause", "raised_on", "review_on", "closed_on", "status" FROM public."risk_history") e ON true
WHERE e.valid_from <= ((d.day + 1)::timestamp AT TIME ZONE 'UTC') AND e.valid_to > ((d.day + 1)::timestamp AT TIME ZONE 'UTC') AND e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND (EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) OR e.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[])) AND EXISTS (SELECT FROM public."risk" o WHERE o.id = e.id AND (EXISTS (SELECT FROM project s WHERE s.id = o.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) OR o.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[])))));
COMMENT ON VIEW bi.fact_risk_daily IS 'Every risk as the register showed it at the end of each day (UTC), since its first event.';
COMMENT ON COLUMN bi.fact_risk_daily."snapshot_on" IS 'The day; today: as it is now.';
COMMENT ON COLUMN bi.fact_risk_daily."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_risk_daily."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_risk_daily."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_risk_daily."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_risk_daily."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_risk_daily."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_risk_daily."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_risk_daily."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_risk_daily."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_risk_daily."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_risk_daily."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_risk_daily."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_risk_daily."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_risk_daily."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_risk_daily."project_id" IS 'The project at risk.';
COMMENT ON COLUMN bi.fact_risk_daily."programme_id" IS 'The programme, for its own risks.';
COMMENT ON COLUMN bi.fact_risk_daily."kind" IS 'Whether it would hurt or help.';
COMMENT ON COLUMN bi.fact_risk_daily."cause" IS 'What it springs from.';
COMMENT ON COLUMN bi.fact_risk_daily."event" IS 'What may happen.';
COMMENT ON COLUMN bi.fact_risk_daily."effect" IS 'What it would do to the objectives.';
COMMENT ON COLUMN bi.fact_risk_daily."category" IS 'Category, in the organisation''s words.';
COMMENT ON COLUMN bi.fact_risk_daily."probability" IS 'Inherent probability, 1 to 5.';
COMMENT ON COLUMN bi.fact_risk_daily."impact" IS 'Inherent impact, 1 to 5.';
COMMENT ON COLUMN bi.fact_risk_daily."score" IS 'Probability times impact, computed here.';
COMMENT ON COLUMN bi.fact_risk_daily."residual_probability" IS 'Probability after the response, 1 to 5.';
COMMENT ON COLUMN bi.fact_risk_daily."residual_impact" IS 'Impact after the response, 1 to 5.';
COMMENT ON COLUMN bi.fact_risk_daily."residual_score" IS 'Residual probability times residual impact, computed here.';
COMMENT ON COLUMN bi.fact_risk_daily."proximity" IS 'How soon it could strike.';
COMMENT ON COLUMN bi.fact_risk_daily."response" IS 'What is done about it.';
COMMENT ON COLUMN bi.fact_risk_daily."owner_id" IS 'Risk owner.';
COMMENT ON COLUMN bi.fact_risk_daily."cost_impact" IS 'What it would cost, in `currency`.';
COMMENT ON COLUMN bi.fact_risk_daily."currency" IS 'ISO 4217 code.';
COMMENT ON COLUMN bi.fact_risk_daily."parent_id" IS 'The wider risk it is part of.';
COMMENT ON COLUMN bi.fact_risk_daily."shared_cause" IS 'Risks with the same word here share a cause and are counted once.';
COMMENT ON COLUMN bi.fact_risk_daily."raised_on" IS 'When it was raised.';
COMMENT ON COLUMN bi.fact_risk_daily."review_on" IS 'When it is next looked at.';
COMMENT ON COLUMN bi.fact_risk_daily."closed_on" IS 'When it was closed.';
COMMENT ON COLUMN bi.fact_risk_daily."status" IS 'Where it stands.';

CREATE VIEW bi.fact_work_item_daily WITH (security_barrier) AS
SELECT d.day AS snapshot_on, e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."parent_id", e."type", e."type_source", e."status", e."is_blocked", e."priority", e."assignee_id", e."reporter_id", e."iteration_id", array_to_string(e.labels, ', ') AS labels, array_to_string(e.components, ', ') AS components, e."wbs", e."level", e."start_planned_on", e."start_baseline_on", e."start_actual_on", e."due_on", e."finish_planned_on", e."finish_baseline_on", e."finish_actual_on", e."percent_complete", e."estimate_hours", e."spent_hours", e."remaining_hours", e."points", e."is_critical", e."total_float_days", e."resolution", e."resolved_at", array_to_string(e.same_as, ', ') AS same_as
FROM (SELECT generate_series((SELECT (at AT TIME ZONE 'UTC')::date FROM public.event ORDER BY seq LIMIT 1),
                             (now() AT TIME ZONE 'UTC')::date, '1 day')::date AS day) d
JOIN (SELECT 'infinity'::timestamptz AS valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "parent_id", "type", "type_source", "status", "is_blocked", "priority", "assignee_id", "reporter_id", "iteration_id", "iteration_ids", "milestone_ids", "labels", "components", "wbs", "level", "start_planned_on", "start_baseline_on", "start_actual_on", "due_on", "finish_planned_on", "finish_baseline_on", "finish_actual_on", "percent_complete", "estimate_hours", "spent_hours", "remaining_hours", "points", "is_critical", "total_float_days", "resolution", "resolved_at", "same_as" FROM public."work_item" UNION ALL SELECT valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "parent_id", "type", "type_source", "status", "is_blocked", "priority", "assignee_id", "reporter_id", "iteration_id", "iteration_ids", "milestone_ids", "labels", "components", "wbs", "level", "start_planned_on", "start_baseline_on", "start_actual_on", "due_on", "finish_planned_on", "finish_baseline_on", "finish_actual_on", "percent_complete", "estimate_hours", "spent_hours", "remaining_hours", "points", "is_critical", "total_float_days", "resolution", "resolved_at", "same_as" FROM public."work_item_history") e ON true
WHERE e.valid_from <= ((d.day + 1)::timestamp AT TIME ZONE 'UTC') AND e.valid_to > ((d.day + 1)::timestamp AT TIME ZONE 'UTC') AND e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) AND EXISTS (SELECT FROM public."work_item" o WHERE o.id = e.id AND EXISTS (SELECT FROM project s WHERE s.id = o.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))))));
COMMENT ON VIEW bi.fact_work_item_daily IS 'Every work_item as the register showed it at the end of each day (UTC), since its first event.';
COMMENT ON COLUMN bi.fact_work_item_daily."snapshot_on" IS 'The day; today: as it is now.';
COMMENT ON COLUMN bi.fact_work_item_daily."id" IS 'Derived from source, stream and the source''s own id; the same after a rebuild.';
COMMENT ON COLUMN bi.fact_work_item_daily."key" IS 'What people call it; unique in its type (PAY-17, R-012).';
COMMENT ON COLUMN bi.fact_work_item_daily."title" IS 'Its name in one line.';
COMMENT ON COLUMN bi.fact_work_item_daily."description" IS 'Plain text.';
COMMENT ON COLUMN bi.fact_work_item_daily."url" IS 'Where a person can open it in its tool.';
COMMENT ON COLUMN bi.fact_work_item_daily."source" IS 'The configured source it comes from; of several, the one that names it.';
COMMENT ON COLUMN bi.fact_work_item_daily."source_id" IS 'The source''s own immutable id.';
COMMENT ON COLUMN bi.fact_work_item_daily."status_source" IS 'The tool''s own word for its status.';
COMMENT ON COLUMN bi.fact_work_item_daily."presence" IS 'Whether it is still in its source, and if not, why.';
COMMENT ON COLUMN bi.fact_work_item_daily."created_at" IS 'When it was created, says the source.';
COMMENT ON COLUMN bi.fact_work_item_daily."updated_at" IS 'When it last changed, says the source.';
COMMENT ON COLUMN bi.fact_work_item_daily."synced_at" IS 'When this version was written here.';
COMMENT ON COLUMN bi.fact_work_item_daily."version" IS '1, then one more with each change.';
COMMENT ON COLUMN bi.fact_work_item_daily."custom" IS 'Custom fields that a mapping chose, typed.';
COMMENT ON COLUMN bi.fact_work_item_daily."project_id" IS 'The project it belongs to.';
COMMENT ON COLUMN bi.fact_work_item_daily."parent_id" IS 'The item it is a part of.';
COMMENT ON COLUMN bi.fact_work_item_daily."type" IS 'What kind of item, in common words.';
COMMENT ON COLUMN bi.fact_work_item_daily."type_source" IS 'The tool''s own word for its type.';
COMMENT ON COLUMN bi.fact_work_item_daily."status" IS 'Where it stands.';
COMMENT ON COLUMN bi.fact_work_item_daily."is_blocked" IS 'Flagged as impeded.';
COMMENT ON COLUMN bi.fact_work_item_daily."priority" IS 'The tool''s own word for its priority.';
COMMENT ON COLUMN bi.fact_work_item_daily."assignee_id" IS 'Who works on it.';
COMMENT ON COLUMN bi.fact_work_item_daily."reporter_id" IS 'Who raised it.';
COMMENT ON COLUMN bi.fact_work_item_daily."iteration_id" IS 'The running iteration, or the last one.';
COMMENT ON COLUMN bi.fact_work_item_daily."labels" IS 'Free labels.';
COMMENT ON COLUMN bi.fact_work_item_daily."components" IS 'Parts of the product it touches.';
COMMENT ON COLUMN bi.fact_work_item_daily."wbs" IS 'Work breakdown structure number.';
COMMENT ON COLUMN bi.fact_work_item_daily."level" IS 'Depth in the outline, 1 at the top.';
COMMENT ON COLUMN bi.fact_work_item_daily."start_planned_on" IS 'Planned start.';
COMMENT ON COLUMN bi.fact_work_item_daily."start_baseline_on" IS 'Start in the baseline.';
COMMENT ON COLUMN bi.fact_work_item_daily."start_actual_on" IS 'When work began.';
COMMENT ON COLUMN bi.fact_work_item_daily."due_on" IS 'When it is due.';
COMMENT ON COLUMN bi.fact_work_item_daily."finish_planned_on" IS 'Planned finish.';
COMMENT ON COLUMN bi.fact_work_item_daily."finish_baseline_on" IS 'Finish in the baseline.';
COMMENT ON COLUMN bi.fact_work_item_daily."finish_actual_on" IS 'When it was finished.';
COMMENT ON COLUMN bi.fact_work_item_daily."percent_complete" IS '0 to 100.';
COMMENT ON COLUMN bi.fact_work_item_daily."estimate_hours" IS 'Original estimate.';
COMMENT ON COLUMN bi.fact_work_item_daily."spent_hours" IS 'Work booked so far.';
COMMENT ON COLUMN bi.fact_work_item_daily."remaining_hours" IS 'Work still expected.';
COMMENT ON COLUMN bi.fact_work_item_daily."points" IS 'Story points.';
COMMENT ON COLUMN bi.fact_work_item_daily."is_critical" IS 'On the critical path, says the tool.';
COMMENT ON COLUMN bi.fact_work_item_daily."total_float_days" IS 'Working days it can slip without moving the finish.';
COMMENT ON COLUMN bi.fact_work_item_daily."resolution" IS 'The tool''s own word for how it ended.';
COMMENT ON COLUMN bi.fact_work_item_daily."resolved_at" IS 'When it was resolved.';
COMMENT ON COLUMN bi.fact_work_item_daily."same_as" IS 'Addresses or keys of the same thing in other tools, as this one tells them.';

GRANT USAGE ON SCHEMA bi TO bi_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA bi TO bi_reader;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA bi FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bi TO bi_reader, portbook_app;
GRANT USAGE ON SCHEMA bi TO portbook_app;
GRANT SELECT ON ALL TABLES IN SCHEMA bi TO portbook_app;
