"""$metadata (CSDL 4.0 as XML) and the service document, both from the model."""

from __future__ import annotations

from functools import cache

import orjson
from lxml import etree

from gateway.odata.model import EDM, NAMESPACE, EntitySet, Navigation, Property, entity_sets
from register.catalog import Kind

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
_CORE = "https://docs.oasis-open.org/odata/odata/v4.0/os/vocabularies/Org.OData.Core.V1.xml"
CONTAINER = "Register"


@cache
def metadata() -> bytes:
    """The model as CSDL."""
    edmx = etree.Element(f"{{{_EDMX}}}Edmx", {"Version": "4.0"}, nsmap={"edmx": _EDMX})
    reference = etree.SubElement(edmx, f"{{{_EDMX}}}Reference", {"Uri": _CORE})
    etree.SubElement(reference, f"{{{_EDMX}}}Include", {"Namespace": "Org.OData.Core.V1", "Alias": "Core"})
    services = etree.SubElement(edmx, f"{{{_EDMX}}}DataServices")
    schema = etree.SubElement(services, f"{{{_EDM}}}Schema", {"Namespace": NAMESPACE}, nsmap={None: _EDM})
    for each in entity_sets().values():
        _type(schema, each)
    container = etree.SubElement(schema, f"{{{_EDM}}}EntityContainer", {"Name": CONTAINER})
    for each in entity_sets().values():
        entity_set = etree.SubElement(
            container,
            f"{{{_EDM}}}EntitySet",
            {"Name": each.name, "EntityType": f"{NAMESPACE}.{each.type_name}"},
        )
        for way in each.navigations.values():
            etree.SubElement(
                entity_set, f"{{{_EDM}}}NavigationPropertyBinding", {"Path": way.name, "Target": way.target}
            )
    found: bytes = etree.tostring(edmx, xml_declaration=True, encoding="utf-8")
    return found


def service_document(root: str) -> bytes:
    """The sets by name; `root` is the address of the service."""
    value = [{"name": name, "kind": "EntitySet", "url": name} for name in entity_sets()]
    return orjson.dumps({"@odata.context": f"{root}$metadata", "value": value})


def _type(schema: etree._Element, each: EntitySet) -> None:
    entity_type = etree.SubElement(schema, f"{{{_EDM}}}EntityType", {"Name": each.type_name})
    key = etree.SubElement(entity_type, f"{{{_EDM}}}Key")
    etree.SubElement(key, f"{{{_EDM}}}PropertyRef", {"Name": "Id"})
    for prop in each.properties.values():
        _describe(etree.SubElement(entity_type, f"{{{_EDM}}}Property", _facets(prop)), prop.field.description)
    for way in each.navigations.values():
        _navigation(entity_type, each, way)
    _describe(entity_type, each.entity.description)


def _facets(prop: Property) -> dict[str, str]:
    facets = {"Name": prop.name, "Type": EDM[prop.kind]}
    if not prop.nullable:
        facets["Nullable"] = "false"
    if prop.kind is Kind.INSTANT:
        facets["Precision"] = "6"
    if prop.kind is Kind.NUMBER:
        facets["Scale"] = "variable"
    return facets


def _navigation(entity_type: etree._Element, each: EntitySet, way: Navigation) -> None:
    target = entity_sets()[way.target]
    full = f"{NAMESPACE}.{target.type_name}"
    facets = {"Name": way.name, "Type": f"Collection({full})" if way.relation.many else full}
    if way.partner is not None:
        facets["Partner"] = way.partner
    element = etree.SubElement(entity_type, f"{{{_EDM}}}NavigationProperty", facets)
    if not way.relation.many:
        column = next(p.name for p in each.properties.values() if p.path == (way.relation.column,))
        etree.SubElement(
            element, f"{{{_EDM}}}ReferentialConstraint", {"Property": column, "ReferencedProperty": "Id"}
        )
    _describe(element, way.relation.description)


def _describe(element: etree._Element, text: str) -> None:
    if text:
        etree.SubElement(
            element, f"{{{_EDM}}}Annotation", {"Term": "Core.Description", "String": " ".join(text.split())}
        )
