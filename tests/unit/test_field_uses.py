"""What `portbook discover` says that a mapping does with a field."""

from __future__ import annotations

import pytest

from adapters.base import SourceField, Stream
from mapping.load import parse_mapping
from portbook.reports import field_uses, show_streams
from portbook.wiring import entities, mapping_of


@pytest.mark.parametrize(
    ("kind", "stream", "way"),
    [
        ("jira", "issue", ("portbook", "status")),
        ("jira", "issue", ("portbook", "ended_as")),
        ("azure_devops", "work_item", ("portbook", "status")),
        ("azure_devops", "work_item", ("portbook", "area")),
    ],
)
def test_a_field_that_is_one_of_several_is_not_called_unmapped(
    kind: str, stream: str, way: tuple[str, ...]
) -> None:
    assert way in field_uses(mapping_of(kind, None), stream, {})


def test_elements_and_the_record_around_them_are_told_apart() -> None:
    text = """
source: jira
rules:
  - stream: issue
    into: decision
    each: fields.approvals
    id: id
    fields:
      title: {from: name}
      project: {from: record.fields.project.id, ref: project}
      description: {from: 'notes[0].text'}
"""
    uses = field_uses(parse_mapping("jira", [("m.yaml", text)], entities(), {}), "issue", {})
    assert uses["fields", "approvals", "name"] == "decision.title"
    assert uses["fields", "project"] == "decision.project"
    assert uses["fields", "approvals", "notes"] == "decision.description"
    assert ("name",) not in uses


def test_what_an_adapter_adds_and_does_not_list_is_shown_where_it_is_mapped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed = SourceField("portbook.status", "Status", "string", ("todo",))
    stream = Stream("pwa_task", "Tasks", (listed, SourceField("TaskName", "TaskName", "string")))
    show_streams([stream], mapping_of("ms_project", None), {})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (percent,) = [line for line in lines if line[:1] == ["portbook.percent"]]
    assert percent[1] == "work_item.percent_complete"
    assert len([line for line in lines if line[:1] == ["portbook.status"]]) == 1
