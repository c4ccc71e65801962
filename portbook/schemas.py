"""`portbook schema`: what editors and programs read of us."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from portbook.config import config_schema
from portbook.errors import SettingsInvalid
from portbook.wiring import KINDS


def schema_command(
    what: Annotated[str, typer.Argument(help="`config` (JSON Schema for editors) or `register`.")],
) -> None:
    """Print a schema as JSON."""
    match what:
        case "config":
            print(json.dumps(config_schema(KINDS), indent=2))
        case "register":
            from gateway.schema import register_schema

            print(json.dumps(json.loads(register_schema()), indent=2))
        case _:
            raise SettingsInvalid(f"there is no schema {what!r}", hint="Write `config` or `register`.")
