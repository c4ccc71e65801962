"""The process templates: which types, states and fields a project has (Microsoft's "Choose a process", and the
field and state tables behind it)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

BASE = "Microsoft.VSTS.WorkItemTypes."
SCHEDULING = "Microsoft.VSTS.Scheduling."
COMMON = "Microsoft.VSTS.Common."

EPIC, FEATURE = "Microsoft.EpicCategory", "Microsoft.FeatureCategory"
REQUIREMENT, TASK, BUG = (
    "Microsoft.RequirementCategory",
    "Microsoft.TaskCategory",
    "Microsoft.BugCategory",
)
HIDDEN = "Microsoft.HiddenCategory"

States = tuple[tuple[str, str], ...]

_AGILE: States = (
    ("New", "Proposed"),
    ("Active", "InProgress"),
    ("Resolved", "Resolved"),
    ("Closed", "Completed"),
    ("Removed", "Removed"),
)
_AGILE_TASK: States = tuple(state for state in _AGILE if state[0] != "Resolved")
_CMMI: States = (
    ("Proposed", "Proposed"),
    ("Active", "InProgress"),
    ("Resolved", "Resolved"),
    ("Closed", "Completed"),
)
_SCRUM: States = (
    ("New", "Proposed"),
    ("Approved", "Proposed"),
    ("Committed", "InProgress"),
    ("Done", "Completed"),
    ("Removed", "Removed"),
)
_SCRUM_TOP: States = (
    ("New", "Proposed"),
    ("In Progress", "InProgress"),
    ("Done", "Completed"),
    ("Removed", "Removed"),
)
_SCRUM_TASK: States = (
    ("To Do", "Proposed"),
    ("In Progress", "InProgress"),
    ("Done", "Completed"),
    ("Removed", "Removed"),
)
_BASIC: States = (("To Do", "Proposed"), ("Doing", "InProgress"), ("Done", "Completed"))
_OPEN: States = (("Active", "InProgress"), ("Closed", "Completed"))
_REVIEW: States = (("Requested", "Proposed"), ("Closed", "Completed"))


@dataclass(frozen=True, slots=True)
class Kind:
    """A work item type."""

    name: str
    reference: str
    categories: tuple[str, ...]
    states: States


@dataclass(frozen=True, slots=True)
class Process:
    name: str
    kinds: tuple[Kind, ...]
    effort: str
    portfolio: tuple[tuple[str, str], ...] = ((EPIC, "Epics"), (FEATURE, "Features"))
    """Category and name of each backlog above the requirements."""
    fields: tuple[dict[str, Any], ...] = field(default=())
    """Fields of this process alone."""

    def kind(self, name: str) -> Kind:
        """The type of that name; one without states or backlog when the process has none such."""
        return next((kind for kind in self.kinds if kind.name == name), Kind(name, "", (), ()))


_REVIEWS = (Kind("Code Review Request", BASE + "CodeReviewRequest", (HIDDEN,), _REVIEW),)


def _kind(name: str, states: States, *categories: str, reference: str = "") -> Kind:
    return Kind(name, reference or BASE + name.replace(" ", ""), categories, states)


AGILE = Process(
    "Agile",
    (
        _kind("Epic", _AGILE, EPIC),
        _kind("Feature", _AGILE, FEATURE),
        _kind("User Story", _AGILE, REQUIREMENT),
        _kind("Task", _AGILE_TASK, TASK),
        _kind("Bug", tuple(s for s in _AGILE if s[0] != "Removed"), BUG),
        _kind("Issue", _OPEN),
        *_REVIEWS,
    ),
    SCHEDULING + "StoryPoints",
)
SCRUM = Process(
    "Scrum",
    (
        _kind("Epic", _SCRUM_TOP, EPIC),
        _kind("Feature", _SCRUM_TOP, FEATURE),
        _kind("Product Backlog Item", _SCRUM, REQUIREMENT),
        _kind("Task", _SCRUM_TASK, TASK),
        _kind("Bug", _SCRUM, BUG, REQUIREMENT),
        _kind("Impediment", (("Open", "Proposed"), ("Closed", "Completed"))),
        *_REVIEWS,
    ),
    SCHEDULING + "Effort",
)
CMMI = Process(
    "CMMI",
    (
        _kind("Epic", _CMMI, EPIC),
        _kind("Feature", _CMMI, FEATURE),
        _kind("Requirement", _CMMI, REQUIREMENT),
        _kind("Task", _CMMI, TASK),
        _kind("Bug", _CMMI, BUG),
        _kind("Issue", _CMMI),
        _kind("Risk", tuple(s for s in _CMMI if s[0] != "Resolved")),
        _kind("Review", tuple(s for s in _CMMI if s[0] != "Proposed")),
        _kind("Change Request", _CMMI),
        *_REVIEWS,
    ),
    SCHEDULING + "Size",
)
BASIC = Process(
    "Basic",
    (_kind("Epic", _BASIC, EPIC), _kind("Issue", _BASIC, REQUIREMENT), _kind("Task", _BASIC, TASK)),
    SCHEDULING + "Effort",
    ((EPIC, "Epics"),),
)
INHERITED = Process(
    "Acme Agile",
    (
        Kind("Initiative", "Custom.Initiative", ("Custom.4a1fe2c4-backlog",), _AGILE),
        *(kind for kind in AGILE.kinds if kind.name not in ("User Story", "Task")),
        # States by words of the organisation's own; only their categories tell what they mean.
        _kind(
            "User Story",
            (
                ("Idee", "Proposed"),
                ("Bereit", "Proposed"),
                ("In Arbeit", "InProgress"),
                ("Abnahme", "Resolved"),
                ("Fertig", "Completed"),
                ("Verworfen", "Removed"),
            ),
            REQUIREMENT,
        ),
        _kind("Task", (("Offen", "Proposed"), ("Läuft", "InProgress"), ("Erledigt", "Completed")), TASK),
        Kind("Permit", "Custom.Permit", (), _AGILE_TASK),
    ),
    SCHEDULING + "StoryPoints",
    (("Custom.4a1fe2c4-backlog", "Initiatives"), (EPIC, "Epics"), (FEATURE, "Features")),
)

PROCESSES = {process.name: process for process in (AGILE, SCRUM, CMMI, BASIC, INHERITED)}


def _field(
    name: str, reference: str, kind: str, *, identity: bool = False, read_only: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "referenceName": reference,
        "description": None,
        "type": kind,
        "usage": "workItem",
        "readOnly": read_only,
        "canSortBy": kind not in ("html", "plainText", "history"),
        "isQueryable": True,
        "supportedOperations": [{"referenceName": "SupportedOperations.Equals", "name": "="}],
        "isIdentity": identity,
        "isPicklist": False,
        "isPicklistSuggested": False,
        "isDeleted": False,
        "url": f"https://dev.azure.com/acme/_apis/wit/fields/{reference}",
    }


def fields() -> list[dict[str, Any]]:
    """The fields of the collection, custom ones last."""
    return [
        _field("ID", "System.Id", "integer", read_only=True),
        _field("Rev", "System.Rev", "integer", read_only=True),
        _field("Title", "System.Title", "string"),
        _field("Team Project", "System.TeamProject", "string", read_only=True),
        _field("Work Item Type", "System.WorkItemType", "string", read_only=True),
        _field("State", "System.State", "string"),
        _field("Reason", "System.Reason", "string"),
        _field("Area ID", "System.AreaId", "integer"),
        _field("Area Path", "System.AreaPath", "treePath"),
        _field("Iteration ID", "System.IterationId", "integer"),
        _field("Iteration Path", "System.IterationPath", "treePath"),
        _field("Parent", "System.Parent", "integer", read_only=True),
        _field("Assigned To", "System.AssignedTo", "string", identity=True),
        _field("Created By", "System.CreatedBy", "string", identity=True, read_only=True),
        _field("Changed By", "System.ChangedBy", "string", identity=True, read_only=True),
        _field("Created Date", "System.CreatedDate", "dateTime", read_only=True),
        _field("Changed Date", "System.ChangedDate", "dateTime", read_only=True),
        _field("Watermark", "System.Watermark", "integer", read_only=True),
        _field("Tags", "System.Tags", "plainText"),
        _field("Description", "System.Description", "html"),
        _field("Repro Steps", "Microsoft.VSTS.TCM.ReproSteps", "html"),
        _field("Priority", COMMON + "Priority", "integer"),
        _field("Severity", COMMON + "Severity", "string"),
        _field("Value Area", COMMON + "ValueArea", "string"),
        _field("Activated Date", COMMON + "ActivatedDate", "dateTime"),
        _field("Resolved Date", COMMON + "ResolvedDate", "dateTime"),
        _field("Closed Date", COMMON + "ClosedDate", "dateTime"),
        _field("State Change Date", COMMON + "StateChangeDate", "dateTime"),
        _field("Start Date", SCHEDULING + "StartDate", "dateTime"),
        _field("Finish Date", SCHEDULING + "FinishDate", "dateTime"),
        _field("Target Date", SCHEDULING + "TargetDate", "dateTime"),
        _field("Due Date", SCHEDULING + "DueDate", "dateTime"),
        _field("Story Points", SCHEDULING + "StoryPoints", "double"),
        _field("Effort", SCHEDULING + "Effort", "double"),
        _field("Size", SCHEDULING + "Size", "double"),
        _field("Original Estimate", SCHEDULING + "OriginalEstimate", "double"),
        _field("Remaining Work", SCHEDULING + "RemainingWork", "double"),
        _field("Completed Work", SCHEDULING + "CompletedWork", "double"),
        _field("Blocked", "Microsoft.VSTS.CMMI.Blocked", "string"),
        _field("Probability", "Microsoft.VSTS.CMMI.Probability", "integer"),
        _field("Mitigation Plan", "Microsoft.VSTS.CMMI.MitigationPlan", "html"),
        _field("Business Case", "Custom.BusinessCase", "string"),
        _field("Cost Centre", "Custom.CostCentre", "integer"),
        _field("Go live", "Custom.GoLive", "dateTime"),
        _field("Sponsor", "Custom.Sponsor", "string", identity=True),
    ]


RELATION_TYPES: tuple[tuple[str, str, str, str], ...] = (
    # reference name, name, topology, direction's opposite
    ("System.LinkTypes.Hierarchy-Forward", "Child", "tree", "System.LinkTypes.Hierarchy-Reverse"),
    ("System.LinkTypes.Hierarchy-Reverse", "Parent", "tree", "System.LinkTypes.Hierarchy-Forward"),
    ("System.LinkTypes.Dependency-Forward", "Successor", "dependency", "System.LinkTypes.Dependency-Reverse"),
    (
        "System.LinkTypes.Dependency-Reverse",
        "Predecessor",
        "dependency",
        "System.LinkTypes.Dependency-Forward",
    ),
    ("System.LinkTypes.Related", "Related", "network", "System.LinkTypes.Related"),
    ("System.LinkTypes.Duplicate-Forward", "Duplicate", "tree", "System.LinkTypes.Duplicate-Reverse"),
    ("System.LinkTypes.Duplicate-Reverse", "Duplicate Of", "tree", "System.LinkTypes.Duplicate-Forward"),
    (
        "Microsoft.VSTS.Common.Affects-Forward",
        "Affects",
        "dependency",
        "Microsoft.VSTS.Common.Affects-Reverse",
    ),
    (
        "Microsoft.VSTS.Common.Affects-Reverse",
        "Affected By",
        "dependency",
        "Microsoft.VSTS.Common.Affects-Forward",
    ),
    (
        "Microsoft.VSTS.Common.TestedBy-Forward",
        "Tested By",
        "dependency",
        "Microsoft.VSTS.Common.TestedBy-Reverse",
    ),
    (
        "Microsoft.VSTS.Common.TestedBy-Reverse",
        "Tests",
        "dependency",
        "Microsoft.VSTS.Common.TestedBy-Forward",
    ),
)


def relation_types() -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = [
        {
            "attributes": {
                "usage": "workItemLink",
                "editable": False,
                "enabled": True,
                "acyclic": topology != "network",
                "directional": topology != "network",
                "singleTarget": name == "Parent",
                "topology": topology,
                "oppositeEndReferenceName": opposite,
            },
            "referenceName": reference,
            "name": name,
            "url": f"https://dev.azure.com/acme/_apis/wit/workItemRelationTypes/{reference}",
        }
        for reference, name, topology, opposite in RELATION_TYPES
    ]
    for reference, name in (("AttachedFile", "Attached File"), ("Hyperlink", "Hyperlink")):
        shown.append(
            {
                "attributes": {"usage": "resourceLink", "editable": False, "enabled": True},
                "referenceName": reference,
                "name": name,
                "url": f"https://dev.azure.com/acme/_apis/wit/workItemRelationTypes/{reference}",
            }
        )
    return shown
