"""Every table of the register. Entities are declared once; all else about them is derived in `register.catalog`."""

from sqlmodel import SQLModel

from register.models.base import ENVELOPE, Envelope
from register.models.callers import ApiKey, Audit, BiLogin, BlockedAccount
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
from register.models.hints import (
    Hint,
    Subscription,
)
from register.models.identity import (
    Absorbed,
    FormerKey,
    Lapse,
    Link,
    Membership,
    MergeDue,
    Pin,
    Settled,
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
from register.models.quality import Quality, Rule, Waiver
from register.models.trust import (
    Claim,
    ClaimHistory,
    Conflict,
    Event,
    Finding,
    Lease,
    MappingUsed,
    PartitionCursor,
    Rejection,
    Run,
    RunPartition,
    Source,
    SourceRecord,
    SweepSeen,
)
from register.models.webhooks import Attempt, Delivery, Webhook

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
    "pin": Pin,
    "membership": Membership,
    "rule": Rule,
    "waiver": Waiver,
    "quality": Quality,
    "rejection": Rejection,
}
"""Tables of the trust layer that the API shows."""

__all__ = [
    "ENTITIES",
    "ENVELOPE",
    "TRUST",
    "Absorbed",
    "ApiKey",
    "Attempt",
    "Audit",
    "BiLogin",
    "BlockedAccount",
    "Claim",
    "ClaimHistory",
    "Conflict",
    "Delivery",
    "Envelope",
    "Event",
    "Finding",
    "FormerKey",
    "Hint",
    "Lapse",
    "Lease",
    "Link",
    "MappingUsed",
    "Membership",
    "MergeDue",
    "PartitionCursor",
    "Pin",
    "Quality",
    "Rejection",
    "Rule",
    "Run",
    "RunPartition",
    "Settled",
    "Source",
    "SourceRecord",
    "Subscription",
    "SweepSeen",
    "Waiver",
    "Webhook",
]
