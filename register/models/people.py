"""People, and what they are asked and able to do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from register.models.base import Envelope, document, flag, number, on, ref, words


class Person(Envelope, table=True):
    """Someone named in a tool. `title` is the name."""

    email: str | None = words("E-mail address, lower case; hidden by privacy settings in some tools.")
    accounts: dict[str, Any] | None = document("The person's account in each source.")
    active: bool | None = flag("The account can still sign in.")
    role: str | None = words("Role or job title.")
    team: str | None = words("Team or department.")
    timezone: str | None = words("IANA name.")


class Assignment(Envelope, table=True):
    """A person put on a work item or a project."""

    work_item_id: UUID | None = ref("work_item", "What the person is put on.", reverse="assignments")
    project_id: UUID | None = ref("project", "The project, also for work items.", reverse="assignments")
    person_id: UUID | None = ref("person", "Who.", reverse="assignments")
    role: str | None = words("In which role.")
    units_percent: Decimal | None = number("Share of a full-time week, 0 to 100 and above.")
    planned_hours: Decimal | None = number("Planned effort.")
    actual_hours: Decimal | None = number("Effort spent.")
    remaining_hours: Decimal | None = number("Effort still expected.")
    start_on: date | None = on("First day.")
    finish_on: date | None = on("Last day.")


class TimeEntry(Envelope, table=True):
    """Hours a person booked on a day."""

    work_item_id: UUID | None = ref("work_item", "What the time went into.", reverse="time_entries")
    project_id: UUID | None = ref("project", "The project, where the tool says.", reverse="time_entries")
    person_id: UUID | None = ref("person", "Who worked.", reverse="time_entries")
    worked_on: date | None = on("The day, in the zone the tool recorded.", index=True)
    hours: Decimal | None = number("Hours.")


class ResourceDemand(Envelope, table=True):
    """Hours of a role that a project needs in a period, beside what there is."""

    project_id: UUID | None = ref("project", "Who asks.", reverse="resource_demands")
    person_id: UUID | None = ref("person", "The person, where one is named.", reverse="resource_demands")
    role: str | None = words("The role asked for.")
    team: str | None = words("The team it is asked of.")
    period_start_on: date | None = on("First day of the period.")
    period_finish_on: date | None = on("Last day of the period.")
    demand_hours: Decimal | None = number("Hours asked for.")
    capacity_hours: Decimal | None = number("Hours there are.")
