"""The words that a value of portbook.yaml may be: time spans, times of day, names."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import WithJsonSchema
from pydantic_core import CoreSchema

DURATION = r"^([0-9]{1,6}(s|m|h|d))+$"
CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
NAME = r"^[a-z][a-z0-9_-]{0,62}$"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class PlainToo:
    """Marks a SecretStr that may also be written out, because it need not hold a secret."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return {**handler(schema), "x-plain-too": True}


def _duration(value: object) -> timedelta:
    if not isinstance(value, str) or not re.fullmatch(DURATION, value):
        refuse("must be a time span such as 30s, 5m or 1h")
    span = timedelta(seconds=sum(int(n) * _SECONDS[u] for n, u in re.findall(r"([0-9]+)([smhd])", value)))
    if not timedelta(seconds=10) <= span <= timedelta(days=366):
        refuse("must lie between 10s and 366d")
    return span


def _clock(value: object) -> time:
    if not isinstance(value, str) or not re.fullmatch(CLOCK, value):
        refuse('must be a time of day such as "02:00"')
    return time.fromisoformat(value)


def refuse(message: str) -> NoReturn:
    """Say what is wrong with a value; where it stands is added by the reader."""
    raise ValueError(message)


Duration = Annotated[
    timedelta, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": DURATION})
]
CustomField = Annotated[str, Field(pattern=r"^custom\.[A-Za-z][A-Za-z0-9_]{0,62}$")]
Clock = Annotated[time, BeforeValidator(_clock), WithJsonSchema({"type": "string", "pattern": CLOCK})]


class Strict(BaseModel):
    """A section of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
