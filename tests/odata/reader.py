"""A reader of OData 4.0, written from the standard and knowing nothing of ours: what it reads, a client can read.

It learns the types from $metadata, checks every value against its type, and follows the links that it is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from lxml import etree

_EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
_EDMX = "{http://docs.oasis-open.org/odata/ns/edmx}"


class Reader:
    def __init__(self, client: httpx.Client, root: str) -> None:
        self._client = client
        self.root = root
        document = self._get(root).json()
        assert document["@odata.context"] == f"{root}$metadata"
        self.sets = {
            each["name"]: each["url"]
            for each in document["value"]
            if each.get("kind", "EntitySet") == "EntitySet"
        }
        edmx = etree.fromstring(self._get(f"{root}$metadata").content)
        assert (edmx.tag, edmx.get("Version")) == (f"{_EDMX}Edmx", "4.0")
        (schema,) = edmx.iter(f"{_EDM}Schema")
        self._types = {
            f"{schema.get('Namespace')}.{each.get('Name')}": each for each in schema.iter(f"{_EDM}EntityType")
        }
        self._set_types = {
            each.get("Name"): each.get("EntityType") for each in schema.iter(f"{_EDM}EntitySet")
        }
        assert set(self._set_types) == set(self.sets)

    def rows(self, name: str, query: str = "", **headers: str) -> list[dict[str, Any]]:
        """All rows, over all pages, each value as its type says."""
        return [row for page in self.pages(name, query, **headers) for row in page]

    def pages(self, name: str, query: str = "", **headers: str) -> Iterator[list[dict[str, Any]]]:
        link = f"{self.root}{self.sets[name]}{query}"
        seen = set()
        while link:
            assert link not in seen, "the links go in a circle"
            seen.add(link)
            body = self._get(link, **headers).json()
            assert body["@odata.context"].startswith(f"{self.root}$metadata#{name}")
            yield [self.row(self._set_types[name], row) for row in body["value"]]
            link = body.get("@odata.nextLink")

    def row(self, type_name: str, row: dict[str, Any]) -> dict[str, Any]:
        described = self._types[type_name]
        properties = {each.get("Name"): each for each in described.iter(f"{_EDM}Property")}
        ways = {each.get("Name"): each.get("Type") for each in described.iter(f"{_EDM}NavigationProperty")}
        found: dict[str, Any] = {}
        for name, value in row.items():
            if "@" in name:
                assert re.fullmatch(r"\w+@odata\.(count|nextLink)", name)
            elif name in properties:
                facets = properties[name]
                assert value is not None or facets.get("Nullable") != "false"
                found[name] = None if value is None else self._value(facets.get("Type"), value)
            elif ways[name].startswith("Collection("):
                found[name] = [self.row(ways[name][11:-1], each) for each in value]
            else:
                found[name] = None if value is None else self.row(ways[name], value)
        return found

    def _value(self, of: str, value: Any) -> Any:
        if of.startswith("Collection("):
            return [self._value(of[11:-1], each) for each in value]
        if of == "Edm.Boolean":
            assert isinstance(value, bool)
            return value
        if of in ("Edm.Int64", "Edm.Decimal"):
            assert isinstance(value, int if of == "Edm.Int64" else int | float)
            return Decimal(str(value))
        assert isinstance(value, str)
        if of == "Edm.DateTimeOffset":
            found = datetime.fromisoformat(value)
            assert found.tzinfo is not None
            return found
        return {"Edm.String": str, "Edm.Guid": UUID, "Edm.Date": date.fromisoformat}[of](value)

    def _get(self, url: str, **headers: str) -> httpx.Response:
        response = self._client.get(
            url, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        assert response.status_code == 200, response.text
        assert response.headers["odata-version"] == "4.0"
        return response
