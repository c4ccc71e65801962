"""Every table of the register. Entities are declared once; all else about them is derived in `register.catalog`."""

from sqlmodel import SQLModel

from register.models.base import ENVELOPE, Envelope
from register.models.control import (
    Action,
    Assumption,
    Benefit,
    ChangeRequest,
    CostLine,
    Decision,
    Deliverable,
    GateReview,
    Issue,
    Lesson,
    Objective,
    Recommendation,
    Risk,
    Score,
    StatusReport,
)
from register.models.people import Assignment, Person, ResourceDemand, TimeEntry
from register.models.plan import (
    Baseline,
    Dependency,
    Iteration,
    Milestone,
    Portfolio,
    Programme,
    Project,
    WorkItem,
)
from register.models.trust import (
    ApiKey,
    Audit,
    Claim,
    Conflict,
    Event,
    Finding,
    Hint,
    Lease,
    Link,
    PartitionCursor,
    Rejection,
    Run,
    RunPartition,
    Source,
    SourceRecord,
    Subscription,
    SweepSeen,
)

ENTITIES: dict[str, type[Envelope]] = {
    "portfolio": Portfolio,
    "programme": Programme,
    "project": Project,
    "work_item": WorkItem,
    "milestone": Milestone,
    "iteration": Iteration,
    "dependency": Dependency,
    "person": Person,
    "assignment": Assignment,
    "time_entry": TimeEntry,
    "resource_demand": ResourceDemand,
    "risk": Risk,
    "issue": Issue,
    "assumption": Assumption,
    "decision": Decision,
    "change_request": ChangeRequest,
    "action": Action,
    "lesson": Lesson,
    "deliverable": Deliverable,
    "cost_line": CostLine,
    "benefit": Benefit,
    "status_report": StatusReport,
    "gate_review": GateReview,
    "recommendation": Recommendation,
    "objective": Objective,
    "score": Score,
    "baseline": Baseline,
}
"""Entity name (singular, as in code and mappings) → its one declaration."""

TRUST: dict[str, type[SQLModel]] = {
    "source": Source,
    "run": Run,
    "finding": Finding,
    "conflict": Conflict,
    "link": Link,
    "rejection": Rejection,
}
"""Tables of the trust layer that the API shows."""

__all__ = [
    "ENTITIES",
    "ENVELOPE",
    "TRUST",
    "ApiKey",
    "Audit",
    "Claim",
    "Conflict",
    "Envelope",
    "Event",
    "Finding",
    "Hint",
    "Lease",
    "Link",
    "PartitionCursor",
    "Rejection",
    "Run",
    "RunPartition",
    "Source",
    "SourceRecord",
    "Subscription",
    "SweepSeen",
]
