"""Work items that nobody would write, and that every tool holds somewhere."""

from __future__ import annotations

from typing import Any

from tests.fakes.azure_devops.world import World

STRANGE = '\'; DROP TABLE work_item; -- \u202e🙈 ﷽ <script>alert(1)</script> "quoted" ' + "x" * 10_000


def add_hostile(world: World, project: str) -> dict[str, str]:
    """What is strange → id."""
    made: dict[str, str] = {}

    def add(what: str, title: str = "", **fields: Any) -> None:
        made[what] = str(world.add_item(project, title or what, **fields).id)

    def add_raw(what: str, raw: bytes) -> None:
        item = world.add_item(project, what)
        item.raw = raw
        made[what] = str(item.id)

    add("NUL in text", "before\x00after")
    add("an escaped backslash that looks like NUL", "C:\\u0000 is a path")
    add("odd names", STRANGE, **{"System.Tags": "=cmd(); a,b; \t; ;" + "y" * 500})
    add("5 MB description", **{"System.Description": "<p>" + "z" * 5_000_000 + "</p>"})
    add("year 0001", **{"Microsoft.VSTS.Scheduling.DueDate": "0001-01-01T00:00:00Z"})
    add("year 9999", **{"Microsoft.VSTS.Scheduling.DueDate": "9999-12-31T23:59:59.9999999Z"})
    add("not a date", **{"Microsoft.VSTS.Scheduling.DueDate": "soon"})
    add("numbers as text", **{"Microsoft.VSTS.Scheduling.StoryPoints": "five", "System.Tags": 7})
    add("unknown state", **{"System.State": "In der Schwebe"})
    add("unknown type", **{"System.WorkItemType": "Kostenstelle"})
    add("somebody unknown", **{"System.AssignedTo": {"displayName": "Ghost <x>", "uniqueName": "", "id": ""}})
    add("an assignee of another shape", **{"System.AssignedTo": 42})
    add_raw("lone surrogate", b'{"System.Title":"\\ud800 alone","System.State":"New"}')
    add_raw("broken UTF-8", b'{"System.Title":"\xff\xfe","System.State":"New"}')
    add_raw("a raw control character", b'{"System.Title":"a\x01b","System.State":"New"}')
    add_raw("nested too deeply", b'{"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    add_raw("fields that are no object", b'["System.Title"]')
    add_raw("no fields at all", b"{}")
    add_raw(
        "fields of other types",
        b'{"System.WorkItemType":7,"System.State":["New"],"System.AreaPath":3,"System.Tags":[1]}',
    )
    return made
