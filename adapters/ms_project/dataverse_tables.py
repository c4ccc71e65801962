"""The tables of Planner Premium and Project for the web that we read, and the columns we know in each.

Names as in Microsoft's table reference for Dataverse (`msdyn_project…`). What an environment really has, it says
itself.
"""

from __future__ import annotations

from typing import NamedTuple

_WHEN = ("createdon", "modifiedon", "statecode", "statuscode")


class Table(NamedTuple):
    name: str
    """Its logical name, which is also the name of the stream."""
    set: str
    """As it is called in addresses."""
    title: str
    columns: tuple[str, ...]
    """On the wire, the key first: lookups are `_name_value`."""
    project: str = ""
    """The column that says which project a row belongs to."""
    first: bool = False
    optional: bool = False
    """Absent from many environments."""

    @property
    def key(self) -> str:
        return self.columns[0]


EFFORTS = ("msdyn_effort", "msdyn_effortcompleted", "msdyn_effortremaining")
"""Hours of a task: planned, done and left."""

PROGRAM = Table(
    "msdyn_program",
    "msdyn_programs",
    "programmes",
    ("msdyn_programid", "msdyn_name", "msdyn_description", *_WHEN),
    first=True,
    optional=True,
)
RESOURCE = Table(
    "bookableresource",
    "bookableresources",
    "people and other resources",
    (
        "bookableresourceid",
        "name",
        "msdyn_primaryemail",
        "resourcetype",
        "_userid_value",
        *_WHEN,
    ),
    first=True,
)
PROJECT = Table(
    "msdyn_project",
    "msdyn_projects",
    "projects",
    (
        "msdyn_projectid",
        "msdyn_subject",
        "msdyn_description",
        "msdyn_scheduledstart",
        "msdyn_finish",
        "msdyn_taskearlieststart",
        "msdyn_progress",
        "msdyn_effort",
        "msdyn_effortcompleted",
        "msdyn_effortremaining",
        "msdyn_duration",
        "msdyn_hoursperday",
        "msdyn_hoursperweek",
        "msdyn_dayspermonth",
        "_msdyn_projectmanager_value",
        "_msdyn_program_value",
        "msdyn_istemplate",
        *_WHEN,
    ),
    project="msdyn_projectid",
    first=True,
)
BUCKET = Table(
    "msdyn_projectbucket",
    "msdyn_projectbuckets",
    "buckets",
    ("msdyn_projectbucketid", "msdyn_name", "_msdyn_project_value", *_WHEN),
    project="_msdyn_project_value",
)
SPRINT = Table(
    "msdyn_projectsprint",
    "msdyn_projectsprints",
    "sprints",
    ("msdyn_projectsprintid", "msdyn_name", "msdyn_start", "msdyn_finish", "_msdyn_project_value", *_WHEN),
    project="_msdyn_project_value",
    optional=True,
)
TASK = Table(
    "msdyn_projecttask",
    "msdyn_projecttasks",
    "tasks",
    (
        "msdyn_projecttaskid",
        "msdyn_subject",
        "msdyn_descriptionplaintext",
        "_msdyn_project_value",
        "_msdyn_parenttask_value",
        "_msdyn_projectbucket_value",
        "_msdyn_projectsprint_value",
        "msdyn_displaysequence",
        "msdyn_outlinelevel",
        "msdyn_start",
        "msdyn_finish",
        "msdyn_duration",
        "msdyn_progress",
        *EFFORTS,
        "msdyn_priority",
        "msdyn_ismilestone",
        "msdyn_iscritical",
        "msdyn_ismanual",
        "msdyn_summary",
        *_WHEN,
    ),
    project="_msdyn_project_value",
)
OLDER = frozenset({"msdyn_linktype", "msdyn_istemplate"})
"""Columns that only some environments have, older ones or those of Project Operations."""
LINK = Table(
    "msdyn_projecttaskdependency",
    "msdyn_projecttaskdependencies",
    "links between tasks",
    (
        "msdyn_projecttaskdependencyid",
        "_msdyn_project_value",
        "_msdyn_predecessortask_value",
        "_msdyn_successortask_value",
        "msdyn_projecttaskdependencylinktype",
        "msdyn_projecttaskdependencylinklag",
        "msdyn_projecttaskdependencylinklaginseconds",
        "msdyn_linktype",
        *_WHEN,
    ),
    project="_msdyn_project_value",
)
TEAM = Table(
    "msdyn_projectteam",
    "msdyn_projectteams",
    "team members",
    (
        "msdyn_projectteamid",
        "msdyn_name",
        "_msdyn_project_value",
        "_msdyn_bookableresourceid_value",
        "msdyn_from",
        "msdyn_to",
        *_WHEN,
    ),
    project="_msdyn_project_value",
)
ASSIGNMENT = Table(
    "msdyn_resourceassignment",
    "msdyn_resourceassignments",
    "assignments",
    (
        "msdyn_resourceassignmentid",
        "_msdyn_projectid_value",
        "_msdyn_taskid_value",
        "_msdyn_bookableresourceid_value",
        "_msdyn_projectteamid_value",
        "msdyn_start",
        "msdyn_finish",
        "msdyn_effort",
        "msdyn_effortcompleted",
        "msdyn_effortremaining",
        *_WHEN,
    ),
    project="_msdyn_projectid_value",
)

TABLES = (PROGRAM, RESOURCE, PROJECT, BUCKET, SPRINT, TASK, LINK, TEAM, ASSIGNMENT)
"""In the order in which rows refer to one another."""
