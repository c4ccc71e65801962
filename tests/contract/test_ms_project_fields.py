"""Custom fields and outline codes of plan files."""

from __future__ import annotations

from pathlib import Path

import jmespath

from tests.contract.plans import adapter, by_name, parsed, read
from tests.fakes.mspdi import Plan


async def test_custom_fields_are_called_by_their_aliases_and_keep_their_types(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    for field_id, name, alias in (
        (1, "Text1", "RAG"), (2, "Flag3", "Gate"), (3, "Cost1", "Grant"), (4, "Number2", "Rank"), (5, "Date1", "Seen"),
        (6, "Duration1", "Drift"), (7, "Text9", ""),
    ):  # fmt: skip
        plan.define(field_id, name, alias)
    plan.add_task(
        "Dig",
        fields={
            "1": "Amber",
            "2": 1,
            "3": 12345,
            "4": "2.50",
            "5": "2026-03-01T00:00:00",
            "6": "PT16H0M0S",
            "7": "x",
        },
    )
    plan.save(tmp_path / "a.xml")
    found = by_name((await read(tmp_path))["mspdi_task"])["Dig"]["fields"]
    assert found == {
        "RAG": "Amber", "Gate": True, "Grant": 123.45, "Rank": 2.5, "Seen": "2026-03-01", "Drift": 16, "Text9": "x",
    }  # fmt: skip
    async with adapter(tmp_path) as opened:
        assert (await opened.aliases())["RAG"] == 'portbook.fields."RAG"'
        tasks = next(stream for stream in await opened.discover() if stream.name == "mspdi_task")
    shown = {field.title: (field.kind, field.samples) for field in tasks.fields}
    assert shown["RAG"] == ("Text", ("Amber",))
    assert shown["Name"] == ("text", ("Dig",))


def test_a_custom_field_in_another_language_keeps_its_type(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    for field_id, name in ((1, "Kosten1"), (2, "Attribut1"), (3, "Dauer1"), (4, "Etwas")):
        plan.define(field_id, name, "")
    plan.add_task("Dig", fields={"1": 12345, "2": 1, "3": "PT16H0M0S", "4": "12345"})
    text = plan.xml()
    for name, number in (("Kosten1", 0), ("Attribut1", 4), ("Dauer1", 2)):
        text = text.replace(f"{name}</FieldName>", f"{name}</FieldName><CFType>{number}</CFType>")
    assert parsed(tmp_path, text)["Dig"]["fields"] == {
        "Kosten1": 123.45, "Attribut1": True, "Dauer1": 16, "Etwas": "12345",
    }  # fmt: skip


async def test_an_outline_code_is_told_by_its_words(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    plan.define(188743731, "Text1", "Berth")
    plan.add_task("Dig")
    values = "".join(
        f"<Value><ValueID>{number}</ValueID><ParentValueID>{above}</ParentValueID><Value>{word}</Value></Value>"
        for number, above, word in ((1, 0, "North"), (2, 1, "Quay"), (7, 7, "Round"))
    )
    codes = "".join(
        f"<OutlineCode><FieldID>{field}</FieldID><FieldName>{name}</FieldName><Alias>{alias}</Alias>"
        f"<Values>{values}</Values></OutlineCode>"
        for field, name, alias in ((188744096, "Outline Code1", "Site"), (188743731, "Text1", "Berth"))
    )
    chosen = "".join(
        f"<OutlineCode><FieldID>{field}</FieldID><ValueID>{number}</ValueID></OutlineCode>"
        for field, number in ((188744096, 2), (188743731, 7), (188744096, 99), (5, 1))
    )
    text = plan.xml().replace(
        "<ExtendedAttributes>", f"<OutlineCodes>{codes}</OutlineCodes><ExtendedAttributes>"
    )
    (tmp_path / "a.xml").write_text(text.replace("<Name>Dig</Name>", f"<Name>Dig</Name>{chosen}"))
    assert by_name((await read(tmp_path))["mspdi_task"])["Dig"]["fields"] == {
        "Site": "North.Quay",
        "Berth": "Round",
    }
    async with adapter(tmp_path) as opened:
        assert (await opened.aliases())["Site"] == 'portbook.fields."Site"'


def test_a_custom_field_with_several_values_keeps_them(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    plan.define(188743731, "Text1", "Berths")
    plan.add_task("Dig", fields={188743731: "North"})
    once = "<ExtendedAttribute><FieldID>188743731</FieldID><Value>North</Value></ExtendedAttribute>"
    text = plan.xml().replace(once, once + once.replace("North", "Inner, south"))
    assert parsed(tmp_path, text)["Dig"]["fields"] == {"Berths": "North, Inner, south"}


async def test_every_member_of_a_task_is_shown_by_the_path_that_reads_it(tmp_path: Path) -> None:
    plan = Plan("Harbour")
    plan.define(188743731, "Text1", 'The 12" main')
    dig = plan.add_task("Dig", fields={"188743731": "North"})
    plan.link(dig, plan.add_task("Lay"))
    plan.save(tmp_path / "a.xml")
    rows = [record.data for record in (await read(tmp_path))["mspdi_task"].values()]
    async with adapter(tmp_path) as opened:
        tasks = next(stream for stream in await opened.discover() if stream.name == "mspdi_task")
    shown = {field.title: field for field in tasks.fields}
    assert "North" in [jmespath.search(shown['The 12" main'].path, row) for row in rows]
    assert shown["PredecessorLink"].kind == "list"
