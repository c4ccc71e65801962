"""The JSON Schema of portbook.yaml for editors, from the models that the loader uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from portbook.config.settings import ConfigFile, SourceSettings
from portbook.config.shape import BASE_DIR

_SECRET = {
    "description": "A secret by reference.",
    "oneOf": [
        {
            "type": "object",
            "properties": {key: {"type": "string", "minLength": 1, "description": text}},
            "required": [key],
            "additionalProperties": False,
        }
        for key, text in (("env", "Name of an environment variable."), ("file", "Path of a file."))
    ],
}


def config_schema(kinds: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Draft 2020-12. Accepts what the loader accepts; only the loader knows whether names refer to sources
    and fields that exist."""
    models: list[type[BaseModel]] = [ConfigFile, SourceSettings, *kinds.values()]
    places, definitions = models_json_schema(
        [(model, "validation") for model in models],
        by_alias=True,
        ref_template="#/$defs/{model}",
        schema_generator=_Generator,
    )
    defs: dict[str, Any] = definitions.get("$defs", {})
    names = {model: places[(model, "validation")]["$ref"].rpartition("/")[2] for model in models}
    _by_reference(defs)
    defs["Secret"] = _SECRET
    top = defs.pop(names[ConfigFile])
    common = defs.pop(names[SourceSettings])
    sources = [_source(kind, common, defs[names[model]]) for kind, model in sorted(kinds.items())]
    for name in {names[model] for model in kinds.values()}:
        defs.pop(name)
    for section in top["properties"].values():
        section.pop("default", None)
    top["properties"]["sources"] |= {"items": {"oneOf": sources}, "type": "array"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "portbook.yaml",
        **{key: value for key, value in top.items() if key != "title"},
        "$defs": dict(sorted(defs.items())),
    }


def _source(kind: str, common: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    properties = {**common["properties"], **options["properties"]}
    properties.pop(BASE_DIR, None)
    properties["kind"] = {"const": kind, "description": options.get("description", "")}
    return {
        "title": kind,
        "description": options.get("description", ""),
        "type": "object",
        "properties": properties,
        "required": [*common.get("required", []), *options.get("required", [])],
        "additionalProperties": False,
    }


def _by_reference(node: Any) -> None:
    """A secret is an object here; where it may be written out too, both."""
    if isinstance(node, list):
        for item in node:
            _by_reference(item)
    elif isinstance(node, dict):
        node.pop("default", None) if node.get("format") == "password" else None
        if node.get("format") == "password":
            plain = node.pop("x-plain-too", False)
            for key in ("type", "format", "writeOnly"):
                node.pop(key, None)
            node |= {"anyOf": [{"type": "string"}, _SECRET]} if plain else {"$ref": "#/$defs/Secret"}
        for item in list(node.values()):
            _by_reference(item)


class _Generator(GenerateJsonSchema):
    """Lists whose model also takes a single item (`files: plan.xlsx`) say so."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner = super().function_before_schema(schema)
        if inner.get("type") == "array" and inner.get("items", {}).get("type") == "string":
            return {"anyOf": [inner["items"], inner]}
        return inner
