CREATE OR REPLACE VIEW bi.fact_project_daily WITH (security_barrier) AS
SELECT d.day AS snapshot_on, e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."code", e."programme_id", e."portfolio_id", e."stage", e."category", e."delivery_method", e."sponsor_id", e."manager_id", e."priority", e."start_planned_on", e."start_baseline_on", e."start_forecast_on", e."start_actual_on", e."finish_planned_on", e."finish_baseline_on", e."finish_forecast_on", e."finish_actual_on", e."percent_complete", e."budget", e."forecast_cost", e."actual_cost", e."currency", e."rag_reported", e."rag_assured", e."rag_computed", array_to_string(e.rag_reasons, ', ') AS rag_reasons, array_to_string(e.tags, ', ') AS tags, array_to_string(e.same_as, ', ') AS same_as
FROM (SELECT generate_series((SELECT (at AT TIME ZONE 'UTC')::date FROM public.event ORDER BY seq LIMIT 1),
                             (now() AT TIME ZONE 'UTC')::date, '1 day')::date AS day) d
JOIN (SELECT 'infinity'::timestamptz AS valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "code", "programme_id", "portfolio_id", "stage", "category", "delivery_method", "sponsor_id", "manager_id", "priority", "start_planned_on", "start_baseline_on", "start_forecast_on", "start_actual_on", "finish_planned_on", "finish_baseline_on", "finish_forecast_on", "finish_actual_on", "percent_complete", "budget", "forecast_cost", "actual_cost", "currency", "rag_reported", "rag_assured", "rag_computed", "rag_reasons", "tags", "same_as" FROM public."project" UNION ALL SELECT valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "code", "programme_id", "portfolio_id", "stage", "category", "delivery_method", "sponsor_id", "manager_id", "priority", "start_planned_on", "start_baseline_on", "start_forecast_on", "start_actual_on", "finish_planned_on", "finish_baseline_on", "finish_forecast_on", "finish_actual_on", "percent_complete", "budget", "forecast_cost", "actual_cost", "currency", "rag_reported", "rag_assured", "rag_computed", "rag_reasons", "tags", "same_as" FROM public."project_history") e ON true
WHERE e.valid_from <= ((d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond') AND e.valid_to > ((d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond') AND e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[])))));
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

CREATE OR REPLACE VIEW bi.fact_milestone_daily WITH (security_barrier) AS
SELECT d.day AS snapshot_on, e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."kind", e."baseline_on", e."planned_on", e."forecast_on", e."actual_on", e."status", e."slip_days", e."owner_id", array_to_string(e.same_as, ', ') AS same_as
FROM (SELECT generate_series((SELECT (at AT TIME ZONE 'UTC')::date FROM public.event ORDER BY seq LIMIT 1),
                             (now() AT TIME ZONE 'UTC')::date, '1 day')::date AS day) d
JOIN (SELECT 'infinity'::timestamptz AS valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "kind", "baseline_on", "planned_on", "forecast_on", "actual_on", "status", "slip_days", "owner_id", "same_as" FROM public."milestone" UNION ALL SELECT valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "kind", "baseline_on", "planned_on", "forecast_on", "actual_on", "status", "slip_days", "owner_id", "same_as" FROM public."milestone_history") e ON true
WHERE e.valid_from <= ((d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond') AND e.valid_to > ((d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond') AND e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) AND EXISTS (SELECT FROM public."milestone" o WHERE o.id = e.id AND EXISTS (SELECT FROM project s WHERE s.id = o.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))))));
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

CREATE OR REPLACE VIEW bi.fact_risk_daily WITH (security_barrier) AS
SELECT d.day AS snapshot_on, e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."programme_id", e."kind", e."cause", e."event", e."effect", e."category", e."probability", e."impact", e."score", e."residual_probability", e."residual_impact", e."residual_score", e."proximity", e."response", e."owner_id", e."cost_impact", e."currency", e."parent_id", e."shared_cause", e."raised_on", e."review_on", e."closed_on", e."status"
FROM (SELECT generate_series((SELECT (at AT TIME ZONE 'UTC')::date FROM public.event ORDER BY seq LIMIT 1),
                             (now() AT TIME ZONE 'UTC')::date, '1 day')::date AS day) d
JOIN (SELECT 'infinity'::timestamptz AS valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "programme_id", "kind", "cause", "event", "effect", "category", "probability", "impact", "score", "residual_probability", "residual_impact", "residual_score", "proximity", "response", "owner_id", "cost_impact", "currency", "parent_id", "shared_cause", "raised_on", "review_on", "closed_on", "status" FROM public."risk" UNION ALL SELECT valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "programme_id", "kind", "cause", "event", "effect", "category", "probability", "impact", "score", "residual_probability", "residual_impact", "residual_score", "proximity", "response", "owner_id", "cost_impact", "currency", "parent_id", "shared_cause", "raised_on", "review_on", "closed_on", "status" FROM public."risk_history") e ON true
WHERE e.valid_from <= ((d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond') AND e.valid_to > ((d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond') AND e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND (EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) OR e.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[])) AND EXISTS (SELECT FROM public."risk" o WHERE o.id = e.id AND (EXISTS (SELECT FROM project s WHERE s.id = o.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) OR o.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[])))));
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

CREATE OR REPLACE VIEW bi.fact_work_item_daily WITH (security_barrier) AS
SELECT d.day AS snapshot_on, e."id", e."key", e."title", e."description", e."url", e."source", e."source_id", e."status_source", e."presence", e."created_at", e."updated_at", e."synced_at", e."version", e."custom", e."project_id", e."parent_id", e."type", e."type_source", e."status", e."is_blocked", e."priority", e."assignee_id", e."reporter_id", e."iteration_id", array_to_string(e.labels, ', ') AS labels, array_to_string(e.components, ', ') AS components, e."wbs", e."level", e."start_planned_on", e."start_baseline_on", e."start_actual_on", e."due_on", e."finish_planned_on", e."finish_baseline_on", e."finish_actual_on", e."percent_complete", e."estimate_hours", e."spent_hours", e."remaining_hours", e."points", e."is_critical", e."total_float_days", e."resolution", e."resolved_at", array_to_string(e.same_as, ', ') AS same_as
FROM (SELECT generate_series((SELECT (at AT TIME ZONE 'UTC')::date FROM public.event ORDER BY seq LIMIT 1),
                             (now() AT TIME ZONE 'UTC')::date, '1 day')::date AS day) d
JOIN (SELECT 'infinity'::timestamptz AS valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "parent_id", "type", "type_source", "status", "is_blocked", "priority", "assignee_id", "reporter_id", "iteration_id", "iteration_ids", "milestone_ids", "labels", "components", "wbs", "level", "start_planned_on", "start_baseline_on", "start_actual_on", "due_on", "finish_planned_on", "finish_baseline_on", "finish_actual_on", "percent_complete", "estimate_hours", "spent_hours", "remaining_hours", "points", "is_critical", "total_float_days", "resolution", "resolved_at", "same_as" FROM public."work_item" UNION ALL SELECT valid_to, "id", "key", "title", "description", "url", "source", "source_id", "status_source", "presence", "created_at", "updated_at", "synced_at", "version", "valid_from", "custom", "chosen", "project_id", "parent_id", "type", "type_source", "status", "is_blocked", "priority", "assignee_id", "reporter_id", "iteration_id", "iteration_ids", "milestone_ids", "labels", "components", "wbs", "level", "start_planned_on", "start_baseline_on", "start_actual_on", "due_on", "finish_planned_on", "finish_baseline_on", "finish_actual_on", "percent_complete", "estimate_hours", "spent_hours", "remaining_hours", "points", "is_critical", "total_float_days", "resolution", "resolved_at", "same_as" FROM public."work_item_history") e ON true
WHERE e.valid_from <= ((d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond') AND e.valid_to > ((d.day + 1)::timestamp AT TIME ZONE 'UTC' - interval '1 microsecond') AND e.presence = 'present' AND ((SELECT bi.sees_everything()) OR ((SELECT bi.sees_something()) AND EXISTS (SELECT FROM project s WHERE s.id = e.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))) AND EXISTS (SELECT FROM public."work_item" o WHERE o.id = e.id AND EXISTS (SELECT FROM project s WHERE s.id = o.project_id AND (s.portfolio_id = ANY((SELECT bi.scope_ids('portfolio'))::uuid[]) OR s.programme_id = ANY((SELECT bi.scope_ids('programme'))::uuid[]) OR s.id = ANY((SELECT bi.scope_ids('project'))::uuid[]))))));
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
