"""Issues as no one should write them, and as some tool once did."""

from __future__ import annotations

import orjson

from tests.fakes.jira.world import CATEGORIES, World, adf, text_of


def add_hostile(world: World, project: str) -> dict[str, str]:
    """Add one issue of each kind to `project`: what is wrong → issue id."""
    made: dict[str, str] = {}

    def add(what: str, **fields: object) -> None:
        summary = str(fields.pop("summary", what))
        made[what] = str(world.add_issue(project, summary, **fields).id)  # type: ignore[arg-type]

    def add_raw(what: str, body: bytes) -> None:
        """`body` may hold %ID%, %KEY%, %FIELDS% (the ordinary fields, without the closing brace)."""
        issue = world.add_issue(project, what)
        fields = {**(issue.fields or {}), "created": text_of(issue.created, world.zone)}
        fields["updated"] = text_of(issue.updated, world.zone)
        issue.raw = (
            body.replace(b"%ID%", str(issue.id).encode())
            .replace(b"%KEY%", issue.key.encode())
            .replace(b"%FIELDS%", orjson.dumps(fields)[1:-1])
        )
        made[what] = str(issue.id)

    add("NUL in text", summary="before\x00after")
    add("an escaped backslash that looks like NUL", summary="C:\\u0000 is a path")
    add("5 MB description", description=adf("x" * 5_000_000) if world.cloud else "x" * 5_000_000)
    status = {"id": "99", "name": "In der Schwebe", "statusCategory": CATEGORIES["undefined"]}
    made["unknown status"] = str(world.add_issue(project, "unknown status").id)
    world.edit(made["unknown status"], silently=True, status=status)
    add("year 0001", duedate="0001-01-01", resolutiondate="0001-01-01T00:00:00.000+0200")
    strange = {
        "type": "doc",
        "version": 9,
        "content": [
            {"type": "hologram", "attrs": {"w": [[[]]]}, "content": [{"type": "text", "text": "inside"}]}
        ],
    }
    add("an ADF node never seen", description=strange)
    add("odd names", summary="'; DROP TABLE work_item; -- \u202e🙈 ﷽", labels=["=cmd()", "a,b", "\t"])
    add("no fields but the null ones")
    nothing = dict.fromkeys(("assignee", "reporter", "status", "issuetype", "priority"))
    world.edit(made["no fields but the null ones"], silently=True, **nothing)
    add_raw(
        "lone surrogate", b'{"id":"%ID%","key":"%KEY%","fields":{%FIELDS%,"environment":"\\ud800 alone"}}'
    )
    add_raw("broken UTF-8", b'{"id":"%ID%","key":"%KEY%","fields":{%FIELDS%,"environment":"\xff\xfe"}}')
    add_raw(
        "a raw control character", b'{"id":"%ID%","key":"%KEY%","fields":{%FIELDS%,"environment":"a\x01b"}}'
    )
    add_raw(
        "nested too deeply",
        b'{"id":"%ID%","key":"%KEY%","fields":{"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    )
    add_raw("not an object", b'["%ID%"]')
    add_raw("no fields", b'{"id":"%ID%","key":"%KEY%"}')
    add_raw(
        "links of an unknown shape",
        b'{"id":"%ID%","key":"%KEY%","fields":{%FIELDS%,"issuelinks":["what"],"fixVersions":[7]}}',
    )
    add_raw(
        "a member twice",
        b'{"id":"%ID%","key":"%KEY%","fields":{%FIELDS%,"summary":"first","summary":"second"}}',
    )
    return made
