"""$metadata is valid CSDL that names what answers hold, and the service document leads to every set."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lxml import etree

from gateway.odata.metadata import metadata
from gateway.odata.model import entity_sets
from tests.odata.conftest import Service

SPECS = Path(__file__).parents[3] / "shared" / "specs"
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@pytest.mark.skipif(not SPECS.exists(), reason="the OASIS schemas are not beside this checkout")
def test_metadata_is_valid_against_the_schemas_of_oasis(tmp_path: Path) -> None:
    shutil.copy(SPECS / "odata-edm.xsd", tmp_path / "edm.xsd")
    shutil.copy(SPECS / "odata-edmx.xsd", tmp_path / "edmx.xsd")
    schema = etree.XMLSchema(etree.parse(str(tmp_path / "edmx.xsd")))
    assert schema.validate(etree.fromstring(metadata())), list(schema.error_log)[:5]


def test_no_name_is_used_twice_and_no_property_is_called_as_its_type() -> None:
    types = [each.type_name for each in entity_sets().values()]
    assert len(set(types)) == len(types)
    for each in entity_sets().values():
        assert each.type_name not in (*each.properties, *each.navigations)
        assert not set(each.properties) & set(each.navigations)
        assert "Id" in each.properties
        # Every relation of the register is a way here, too.
        assert {way.relation.name for way in each.navigations.values()} == set(each.entity.relations)


def test_every_way_leads_to_a_type_and_its_partner_leads_back() -> None:
    root = etree.fromstring(metadata())
    types = {each.get("Name"): each for each in root.iter(f"{EDM}EntityType")}
    ways = {
        (name, way.get("Name")): way
        for name, each in types.items()
        for way in each.iter(f"{EDM}NavigationProperty")
    }
    assert len(ways) > 100
    for (name, way), element in ways.items():
        target = element.get("Type").removeprefix("Collection(").removesuffix(")").removeprefix("Portbook.")
        assert target in types
        if element.get("Partner"):
            back = ways[target, element.get("Partner")]
            assert back.get("Type").removeprefix("Collection(").removesuffix(")") == f"Portbook.{name}"
            assert back.get("Partner") == way
    bound = {
        (each.get("EntityType").removeprefix("Portbook."), binding.get("Path"))
        for each in root.iter(f"{EDM}EntitySet")
        for binding in each
    }
    assert bound == set(ways)


def test_every_set_of_the_service_document_answers_with_the_properties_that_metadata_declares(
    service: Service,
) -> None:
    root = etree.fromstring(service.raw("$metadata").content)
    declared = {
        each.get("Name"): [prop.get("Name") for prop in each.iter(f"{EDM}Property")]
        for each in root.iter(f"{EDM}EntityType")
    }
    listed = service.get("")["value"]
    assert [each["name"] for each in listed] == list(entity_sets())
    for each in listed:
        body = service.get(f"{each['url']}?$top=1")
        assert body["@odata.context"] == f"{service.gateway.url}/odata/v4/$metadata#{each['name']}"
        for row in body["value"]:
            assert list(row) == declared[entity_sets()[each["name"]].type_name]


def test_values_have_the_form_of_their_type(service: Service) -> None:
    (row,) = service.get("WorkItems?$filter=Key eq 'W-01'")["value"]
    assert row["DueOn"] == "2026-02-01"
    assert row["ResolvedAt"] == "2026-01-31T23:30:00+00:00"
    assert row["Points"] == 1
    assert row["Labels"] == ["a", "l1"]
    assert row["MilestoneIds"] == []  # a collection is never null
    assert row["ProjectKey"] == "PAY"
    assert row["AssigneeName"] == "Bo"
    assert row["ProgrammeTitle"] == "Finance"


@pytest.mark.parametrize("path", ["$metadata", "$metadata?$format=xml"])
def test_metadata_is_xml_whatever_is_accepted(service: Service, path: str) -> None:
    response = service.raw(path, Accept="application/xml")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/xml"
