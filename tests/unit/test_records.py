"""What could not be understood in a record, told of the row that lacks it."""

from __future__ import annotations

from adapters.base import RawRecord
from mapping.apply import Mapper
from mapping.load import parse_mapping
from portbook.wiring import entities
from workers.records import findings_of

RULES = """
rules:
  - {stream: plan, into: project, fields: {title: {from: title}, budget: {from: budget}}}
  - {stream: plan, into: cost_line, each: costs, id: id, fields: {amount: {from: amount}}}
"""


def test_findings_of_several_rows_of_a_record_are_several_and_each_names_its_row() -> None:
    mapping = parse_mapping("ms_project", [("rules.yaml", RULES)], entities(), {})
    mapper = Mapper(mapping, lambda stream, name: f"{stream}:{name}")
    data = {"title": "t", "budget": "lots", "costs": [{"id": n, "amount": f"much {n}"} for n in (1, 2, 3)]}
    data["costs"][1]["amount"] = 5
    found = findings_of("plans", "r", RawRecord("plan", "1", b"", data), mapper("plan", "1", data))
    assert [(f.entity, f.entity_id, f.field, f.value) for f in found] == [
        ("project", "plan:1", "budget", "lots"),
        ("cost_line", "plan/costs:1", "amount", "much 1"),
        ("cost_line", "plan/costs:3", "amount", "much 3"),
    ]
    assert len({finding.id for finding in found}) == 3
