"""Portfolio, programme, project, and the plan inside them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from register.models.base import (
    RAG,
    Envelope,
    document,
    flag,
    money,
    number,
    on,
    ref,
    refs,
    texts,
    whole,
    words,
)
from register.models.base import at as instant

WORK_STATUS = ("todo", "in_progress", "in_review", "done", "cancelled")


class Portfolio(Envelope, table=True):
    """A set of programmes and projects an organisation invests in together (MoP, PMI Standard for Portfolios)."""

    owner_id: UUID | None = ref("person", "Who answers for it.", reverse="owned_portfolios")
    manager_id: UUID | None = ref("person", "Who runs it day to day.")
    objectives_text: str | None = words("What it is meant to achieve.")
    rag_reported: str | None = words("Red, amber or green as reported.", *RAG)
    status: str | None = words("Whether it is running.", "proposed", "active", "closed")


class Programme(Envelope, table=True):
    """Related projects managed together for outcomes none of them gives alone (MSP)."""

    portfolio_id: UUID | None = ref("portfolio", "The portfolio it belongs to.", reverse="programmes")
    sro_id: UUID | None = ref("person", "Senior responsible owner.", reverse="owned_programmes")
    manager_id: UUID | None = ref("person", "Programme manager.")
    objectives_text: str | None = words("What it is meant to achieve.")
    rag_reported: str | None = words("Red, amber or green as reported.", *RAG)
    status: str | None = words("Whether it is running.", "proposed", "active", "closed")
    start_on: date | None = on("Planned start.")
    finish_on: date | None = on("Planned finish.")
    budget: Decimal | None = money("Approved budget, in `currency`.")
    currency: str | None = words("ISO 4217 code.")


class Project(Envelope, table=True):
    """A temporary endeavour with an owner, a plan and an end."""

    code: str | None = words("The organisation's own project code; joins tools where a match rule says so.")
    programme_id: UUID | None = ref("programme", "The programme it belongs to.", reverse="projects")
    portfolio_id: UUID | None = ref(
        "portfolio", "Its portfolio, where it has no programme.", reverse="projects"
    )
    stage: str | None = words(
        "Where it is in its life.",
        *("pipeline", "feasibility", "definition", "delivery", "closing", "closed", "on_hold", "cancelled"),
    )
    category: str | None = words("Kind of project, in the organisation's words.")
    delivery_method: str | None = words("How it is run.", "predictive", "agile", "hybrid")
    sponsor_id: UUID | None = ref(
        "person", "Who wants it and answers for the benefits.", reverse="sponsored_projects"
    )
    manager_id: UUID | None = ref(
        "person", "Project manager, or the tool's project lead.", reverse="managed_projects"
    )
    priority: str | None = words("Priority, in the organisation's words.")
    start_planned_on: date | None = on("Planned start.")
    start_baseline_on: date | None = on("Start in the approved baseline.")
    start_forecast_on: date | None = on("Start as now expected.")
    start_actual_on: date | None = on("When it did start.")
    finish_planned_on: date | None = on("Planned finish.")
    finish_baseline_on: date | None = on("Finish in the approved baseline.")
    finish_forecast_on: date | None = on("Finish as now expected.")
    finish_actual_on: date | None = on("When it did finish.")
    percent_complete: Decimal | None = number("0 to 100.")
    budget: Decimal | None = money("Approved budget, in `currency`.")
    forecast_cost: Decimal | None = money("Cost at completion as now expected.")
    actual_cost: Decimal | None = money("Spent so far.")
    currency: str | None = words("ISO 4217 code.")
    rag_reported: str | None = words("Red, amber or green as the project reports it.", *RAG)
    rag_assured: str | None = words("As independent assurance sees it.", *RAG)
    rag_computed: str | None = words("As the register computes it.", *RAG)
    rag_reasons: list[str] | None = texts("Why `rag_computed` is what it is.")
    tags: list[str] | None = texts("Free labels.")
    same_as: list[str] | None = texts(
        "Addresses or keys of the same thing in other tools, as this one tells them."
    )


class WorkItem(Envelope, table=True):
    """Anything a team tracks and finishes: epic, story, bug, task, summary task. (A tracker's *issue*.)"""

    project_id: UUID | None = ref("project", "The project it belongs to.", reverse="work_items")
    parent_id: UUID | None = ref("work_item", "The item it is a part of.", reverse="children")
    type: str | None = words(
        "What kind of item, in common words.",
        *("initiative", "epic", "feature", "story", "task", "subtask", "bug", "summary", "other"),
    )
    type_source: str | None = words("The tool's own word for its type.")
    status: str | None = words("Where it stands.", *WORK_STATUS)
    is_blocked: bool | None = flag("Flagged as impeded.")
    priority: str | None = words("The tool's own word for its priority.")
    assignee_id: UUID | None = ref("person", "Who works on it.", reverse="assigned_work_items")
    reporter_id: UUID | None = ref("person", "Who raised it.")
    iteration_id: UUID | None = ref(
        "iteration", "The running iteration, or the last one.", reverse="work_items"
    )
    iteration_ids: list[UUID] | None = refs("iteration", "Every iteration it was planned in, oldest first.")
    milestone_ids: list[UUID] | None = refs(
        "milestone", "Milestones (releases) it is to be delivered with.", reverse="work_items"
    )
    labels: list[str] | None = texts("Free labels.")
    components: list[str] | None = texts("Parts of the product it touches.")
    wbs: str | None = words("Work breakdown structure number.")
    level: int | None = whole("Depth in the outline, 1 at the top.")
    start_planned_on: date | None = on("Planned start.")
    start_baseline_on: date | None = on("Start in the baseline.")
    start_actual_on: date | None = on("When work began.")
    due_on: date | None = on("When it is due.", index=True)
    finish_planned_on: date | None = on("Planned finish.", index=True)
    finish_baseline_on: date | None = on("Finish in the baseline.")
    finish_actual_on: date | None = on("When it was finished.")
    percent_complete: Decimal | None = number("0 to 100.")
    estimate_hours: Decimal | None = number("Original estimate.")
    spent_hours: Decimal | None = number("Work booked so far.")
    remaining_hours: Decimal | None = number("Work still expected.")
    points: Decimal | None = number("Story points.")
    is_critical: bool | None = flag("On the critical path, says the tool.")
    total_float_days: Decimal | None = number("Working days it can slip without moving the finish.")
    resolution: str | None = words("The tool's own word for how it ended.")
    resolved_at: datetime | None = instant("When it was resolved.")
    same_as: list[str] | None = texts(
        "Addresses or keys of the same thing in other tools, as this one tells them."
    )


class Milestone(Envelope, table=True):
    """A dated point that matters outside the team: a gate, a delivery, a payment, a release."""

    project_id: UUID | None = ref("project", "The project it belongs to.", reverse="milestones")
    kind: str | None = words(
        "What kind of point.", "gate", "delivery", "payment", "external", "benefit", "stage", "release"
    )
    baseline_on: date | None = on("Date in the approved baseline.")
    planned_on: date | None = on("Date in the current plan.", index=True)
    forecast_on: date | None = on("Date as now expected.", index=True)
    actual_on: date | None = on("When it was reached.")
    status: str | None = words("Where it stands.", "planned", "at_risk", "missed", "done", "cancelled")
    slip_days: int | None = whole(
        "Working days (Monday to Friday) that actual, else forecast, else planned lies after the baseline; "
        "negative when earlier. Computed here."
    )
    owner_id: UUID | None = ref("person", "Who answers for it.")
    same_as: list[str] | None = texts(
        "Addresses or keys of the same thing in other tools, as this one tells them."
    )


class Iteration(Envelope, table=True):
    """A time box a team plans work into: a sprint."""

    project_id: UUID | None = ref("project", "The project, where it serves one.", reverse="iterations")
    team: str | None = words("Team or board it belongs to.")
    start_on: date | None = on("First day.")
    finish_on: date | None = on("Last day.")
    completed_at: datetime | None = instant("When the team closed it.")
    state: str | None = words("Where it stands.", "future", "active", "closed")
    goal: str | None = words("What the team wants to reach with it.")


class Dependency(Envelope, table=True):
    """One thing that waits for, or is tied to, another; across projects and tools."""

    kind: str | None = words("How they are tied.", "FS", "SS", "FF", "SF", "blocks", "relates", "duplicates")
    kind_source: str | None = words("The tool's own word for the link.")
    from_work_item_id: UUID | None = ref(
        "work_item", "The predecessor, or what blocks.", reverse="successors"
    )
    to_work_item_id: UUID | None = ref(
        "work_item", "The successor, or what is blocked.", reverse="predecessors"
    )
    from_milestone_id: UUID | None = ref("milestone", "The predecessor, a milestone.", reverse="successors")
    to_milestone_id: UUID | None = ref("milestone", "The successor, a milestone.", reverse="predecessors")
    from_project_id: UUID | None = ref("project", "The giving project.", reverse="given_dependencies")
    to_project_id: UUID | None = ref("project", "The receiving project.", reverse="received_dependencies")
    lag_days: Decimal | None = number("Working days between the two; negative is a lead.")
    need_by_on: date | None = on("When the receiver needs it.")
    promised_on: date | None = on("When the giver promises it.")
    status: str | None = words("Where it stands.", "open", "agreed", "met", "broken", "cancelled")
    owner_id: UUID | None = ref("person", "Who looks after it.")


class Baseline(Envelope, table=True):
    """A frozen plan to measure against."""

    project_id: UUID | None = ref("project", "The project, where it covers one.", reverse="baselines")
    kind: str | None = words("Why it was taken.", "initial", "rebaseline", "snapshot")
    approved_by_id: UUID | None = ref("person", "Who approved it.")
    taken_at: datetime | None = instant("When it was taken.")
    items: dict[str, object] | None = document("Frozen dates, hours and cost by row id.")
