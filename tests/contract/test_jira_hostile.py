"""Hostile records are kept or set aside, each alone; their neighbours all arrive."""

from __future__ import annotations

import orjson

from tests.fakes.jira import FakeJira
from tests.fakes.jira.hostile import add_hostile
from tests.fix_sources import fill, jira_adapter, read_pages, records_of

REJECTED = {"nested too deeply", "not an object", "no fields", "links of an unknown shape"}


async def test_hostile_issues_are_read_or_set_aside_and_their_neighbours_all_arrive(jira: FakeJira) -> None:
    fill(jira, {"PAY": 20})
    made = add_hostile(jira.world, "PAY")
    for number in range(20):
        jira.add_issue("PAY", f"A neighbour {number}")
    async with jira_adapter(jira, page_size=7) as adapter:
        found = records_of(await read_pages(adapter, "issues:10001"))
    (nameless,) = [name for name in found if name.startswith("unreadable-")]
    found[made["not an object"]] = found.pop(nameless)._replace(id=made["not an object"])
    assert set(found) == {str(number) for number in jira.world.issues}
    set_aside = {what for what, name in made.items() if found[name].error}
    assert set_aside == REJECTED
    for what in REJECTED:
        record = found[made[what]]
        assert record.error is not None
        assert record.error.record_id in (record.id, nameless)
        assert record.payload == jira.world.issues[int(record.id)].raw
        assert record.data is None


async def test_hostile_text_is_kept_as_sent_and_decoded_without_lone_surrogates(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    made = add_hostile(jira.world, "PAY")
    async with jira_adapter(jira) as adapter:
        found = records_of(await read_pages(adapter, "issues:10001"))
    lone = found[made["lone surrogate"]]
    assert b"\\ud800 alone" in lone.payload
    assert lone.data["fields"]["environment"] == "� alone"
    assert found[made["NUL in text"]].data["fields"]["summary"] == "before\x00after"
    assert b"before\\u0000after" in found[made["NUL in text"]].payload
    assert (
        found[made["an escaped backslash that looks like NUL"]].data["fields"]["summary"]
        == "C:\\u0000 is a path"
    )
    assert len(found[made["5 MB description"]].payload) > 5_000_000
    assert found[made["broken UTF-8"]].payload.count(b"\xff\xfe") == 1
    assert found[made["year 0001"]].data["fields"]["duedate"] == "0001-01-01"
    for record in found.values():
        # Whatever was decoded can be written as JSON again: nothing unencodable is left in it.
        orjson.dumps(record.data)


async def test_an_unknown_status_arrives_under_its_own_name(jira: FakeJira) -> None:
    fill(jira, {"PAY": 1})
    made = add_hostile(jira.world, "PAY")
    async with jira_adapter(jira) as adapter:
        found = records_of(await read_pages(adapter, "issues:10001"))
    assert found[made["unknown status"]].data["portbook"]["status"] == "In der Schwebe"
    bare = found[made["no fields but the null ones"]].data["portbook"]
    assert not {"status", "type", "assignee", "reporter"} & set(bare)
