"""RAID and control logs, in PRINCE2's words, and what steers a project from outside."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from register.models.base import RAG, Envelope, document, money, number, on, ref, texts, whole, words


class Risk(Envelope, table=True):
    """An uncertain event that would help or hurt an objective."""

    project_id: UUID | None = ref("project", "The project at risk.", reverse="risks")
    programme_id: UUID | None = ref("programme", "The programme, for its own risks.", reverse="risks")
    kind: str | None = words("Whether it would hurt or help.", "threat", "opportunity")
    cause: str | None = words("What it springs from.")
    event: str | None = words("What may happen.")
    effect: str | None = words("What it would do to the objectives.")
    category: str | None = words("Category, in the organisation's words.")
    probability: int | None = whole("Inherent probability, 1 to 5.")
    impact: int | None = whole("Inherent impact, 1 to 5.")
    score: int | None = whole("Probability times impact, computed here.")
    residual_probability: int | None = whole("Probability after the response, 1 to 5.")
    residual_impact: int | None = whole("Impact after the response, 1 to 5.")
    residual_score: int | None = whole("Residual probability times residual impact, computed here.")
    proximity: str | None = words("How soon it could strike.")
    response: str | None = words("What is done about it.")
    owner_id: UUID | None = ref("person", "Risk owner.", reverse="owned_risks")
    cost_impact: Decimal | None = money("What it would cost, in `currency`.")
    currency: str | None = words("ISO 4217 code.")
    parent_id: UUID | None = ref("risk", "The wider risk it is part of.", reverse="children")
    shared_cause: str | None = words(
        "Risks with the same word here share a cause: they strike together, and count as many all the same."
    )
    raised_on: date | None = on("When it was raised.")
    review_on: date | None = on("When it is next looked at.")
    closed_on: date | None = on("When it was closed.")
    status: str | None = words("Where it stands.", "draft", "open", "closing", "closed", "occurred")


class Issue(Envelope, table=True):
    """A project issue: something that has happened and needs management (PRINCE2). Not a tracker's issue."""

    project_id: UUID | None = ref("project", "The project concerned.", reverse="issues")
    kind: str | None = words("What kind.", "problem", "request_for_change", "off_specification")
    severity: str | None = words("How bad, in the organisation's words.")
    priority: str | None = words("Priority, in the organisation's words.")
    impact_text: str | None = words("What it does to the objectives.")
    response: str | None = words("What is done about it.")
    raised_by_id: UUID | None = ref("person", "Who raised it.")
    owner_id: UUID | None = ref("person", "Who resolves it.", reverse="owned_issues")
    raised_on: date | None = on("When it was raised.")
    due_on: date | None = on("When it should be resolved.")
    closed_on: date | None = on("When it was closed.")
    status: str | None = words("Where it stands.", "open", "in_progress", "on_hold", "closed")


class Assumption(Envelope, table=True):
    """Something taken as true for planning."""

    project_id: UUID | None = ref("project", "The project concerned.", reverse="assumptions")
    impact_text: str | None = words("What follows if it is wrong.")
    confidence: str | None = words("How sure, in the organisation's words.")
    owner_id: UUID | None = ref("person", "Who checks it.")
    raised_on: date | None = on("When it was written down.")
    validate_by_on: date | None = on("When it should be checked.")
    status: str | None = words("Where it stands.", "open", "confirmed", "wrong", "closed")


class Decision(Envelope, table=True):
    """A decision and who took it."""

    project_id: UUID | None = ref("project", "The project concerned.", reverse="decisions")
    rationale: str | None = words("Why.")
    options: str | None = words("What else was considered.")
    decided_by_id: UUID | None = ref("person", "Who decided.")
    decided_by_text: str | None = words("Who decided, as written (a board).")
    needed_by_on: date | None = on("When it was, or is, needed.")
    decided_on: date | None = on("When it was taken.")
    status: str | None = words("Where it stands.", "pending", "decided", "superseded", "withdrawn")


class ChangeRequest(Envelope, table=True):
    """A proposal to change what was agreed."""

    project_id: UUID | None = ref("project", "The project concerned.", reverse="change_requests")
    reason: str | None = words("Why it is asked for.")
    impact_text: str | None = words("What it would change in scope, time, cost, quality.")
    cost_impact: Decimal | None = money("What it would cost, in `currency`.")
    currency: str | None = words("ISO 4217 code.")
    days_impact: int | None = whole("Working days it would move the finish.")
    requested_by_id: UUID | None = ref("person", "Who asks.")
    raised_on: date | None = on("When it was raised.")
    decided_on: date | None = on("When it was decided.")
    status: str | None = words(
        "Where it stands.", "raised", "assessing", "approved", "rejected", "deferred", "implemented"
    )


class Action(Envelope, table=True):
    """Something someone has to do, from a meeting or a review."""

    project_id: UUID | None = ref("project", "The project concerned.", reverse="actions")
    owner_id: UUID | None = ref("person", "Who does it.", reverse="owned_actions")
    raised_on: date | None = on("When it was agreed.")
    due_on: date | None = on("When it is due.")
    closed_on: date | None = on("When it was done.")
    priority: str | None = words("Priority, in the organisation's words.")
    status: str | None = words("Where it stands.", "open", "in_progress", "on_hold", "done", "cancelled")


class Lesson(Envelope, table=True):
    """What a project learnt that others should know."""

    project_id: UUID | None = ref("project", "Where it was learnt.", reverse="lessons")
    category: str | None = words("Category, in the organisation's words.")
    event: str | None = words("What happened.")
    effect: str | None = words("What it led to.")
    recommendation: str | None = words("What to do next time.")
    owner_id: UUID | None = ref("person", "Who passes it on.")
    raised_on: date | None = on("When it was written down.")
    status: str | None = words("Where it stands.", "draft", "shared", "adopted")


class Deliverable(Envelope, table=True):
    """A product to be delivered and accepted: a configuration item."""

    project_id: UUID | None = ref("project", "The project that makes it.", reverse="deliverables")
    version_label: str | None = words("The product's own version.")
    ci_status: str | None = words(
        "Where it stands.",
        "planned",
        "in_production",
        "in_review",
        "ready",
        "accepted",
        "handed_over",
        "cancelled",
    )
    owner_id: UUID | None = ref("person", "Who makes it.")
    due_on: date | None = on("When it is due.")
    accepted_on: date | None = on("When it was accepted.")
    location_url: str | None = words("Where it is kept.")
    last_audit_on: date | None = on("When its status was last audited.")
    audit_result: str | None = words("What the audit found.")


class StatusReport(Envelope, table=True):
    """A periodic report (a highlight report)."""

    project_id: UUID | None = ref("project", "The project reported on.", reverse="status_reports")
    programme_id: UUID | None = ref("programme", "The programme reported on.", reverse="status_reports")
    period_start_on: date | None = on("First day reported on.")
    period_finish_on: date | None = on("Last day reported on.")
    rag_overall: str | None = words("Overall.", *RAG)
    rag_schedule: str | None = words("Schedule.", *RAG)
    rag_cost: str | None = words("Cost.", *RAG)
    rag_scope: str | None = words("Scope.", *RAG)
    rag_resources: str | None = words("Resources.", *RAG)
    rag_risks: str | None = words("Risks.", *RAG)
    rag_benefits: str | None = words("Benefits.", *RAG)
    narrative: str | None = words("What to know, in words.")
    achievements: str | None = words("Done in the period.")
    next_steps: str | None = words("Planned for the next one.")
    author_id: UUID | None = ref("person", "Who reports.")


class GateReview(Envelope, table=True):
    """A review at which a project may go on, change or stop."""

    project_id: UUID | None = ref("project", "The project reviewed.", reverse="gate_reviews")
    gate: str | None = words("Which gate.")
    planned_on: date | None = on("When it should be held.")
    held_on: date | None = on("When it was held.")
    rating: str | None = words("Delivery confidence.", "green", "amber_green", "amber", "amber_red", "red")
    outcome: str | None = words("What was decided.", "proceed", "proceed_with_conditions", "hold", "stop")
    chair_id: UUID | None = ref("person", "Who led it.")


class Recommendation(Envelope, table=True):
    """What a review asks for."""

    gate_review_id: UUID | None = ref("gate_review", "The review it comes from.", reverse="recommendations")
    project_id: UUID | None = ref("project", "The project it concerns.", reverse="recommendations")
    urgency: str | None = words("How soon.", "critical", "essential", "recommended")
    owner_id: UUID | None = ref("person", "Who carries it out.")
    due_on: date | None = on("When it is due.")
    closed_on: date | None = on("When it was done.")
    state: str | None = words("Where it stands.", "open", "in_progress", "done", "rejected")


class Objective(Envelope, table=True):
    """What the organisation wants to reach."""

    portfolio_id: UUID | None = ref("portfolio", "The portfolio that serves it.", reverse="objectives")
    weight: Decimal | None = number("How much it counts in prioritisation.")
    owner_id: UUID | None = ref("person", "Who answers for it.")
    measure: str | None = words("How it is measured.")
    target: Decimal | None = number("The value aimed at.")
    target_on: date | None = on("When it should be reached.")


class Score(Envelope, table=True):
    """How well a project serves a criterion, and why: transparent prioritisation."""

    project_id: UUID | None = ref("project", "The project scored.", reverse="scores")
    objective_id: UUID | None = ref(
        "objective", "The objective, where the criterion is one.", reverse="scores"
    )
    criterion: str | None = words("What is scored.")
    weight: Decimal | None = number("How much it counts.")
    value: Decimal | None = number("The score.")
    rationale: str | None = words("Why this score.")


class CostLine(Envelope, table=True):
    """An amount in a period, on one basis."""

    project_id: UUID | None = ref("project", "The project.", reverse="cost_lines")
    basis: str | None = words("What the amount is.", "baseline", "budget", "forecast", "actual", "committed")
    category: str | None = words("Cost category: staff, licences, capital …")
    period_start_on: date | None = on("First day of the period.")
    period_finish_on: date | None = on("Last day of the period.")
    amount: Decimal | None = money("Amount, in `currency`.")
    currency: str | None = words("ISO 4217 code.")
    supplier: str | None = words("Whom it is paid to.")


class Benefit(Envelope, table=True):
    """A measurable improvement that a project is done for."""

    project_id: UUID | None = ref("project", "The project that enables it.", reverse="benefits")
    programme_id: UUID | None = ref("programme", "The programme that enables it.", reverse="benefits")
    milestone_id: UUID | None = ref("milestone", "The milestone that unlocks it.", reverse="benefits")
    kind: str | None = words("What kind.", "financial", "non_financial", "dis_benefit")
    measure: str | None = words("What is measured.")
    unit: str | None = words("In which unit.")
    baseline_value: Decimal | None = money("Value before.")
    target_value: Decimal | None = money("Value aimed at.")
    actual_value: Decimal | None = money("Value now.")
    currency: str | None = words("ISO 4217 code, where the unit is money.")
    start_on: date | None = on("When it begins to be felt.")
    target_on: date | None = on("When the target should be reached.")
    profile: list[dict[str, Any]] | None = document("Per period: `{period, forecast, actual}`.")
    owner_id: UUID | None = ref("person", "Benefit owner.", reverse="owned_benefits")
    status: str | None = words(
        "Where it stands.", "identified", "planned", "realising", "realised", "not_realised"
    )
    tags: list[str] | None = texts("Free labels.")
