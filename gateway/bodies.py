"""What is posted: read no further than it may be long, and held to its model."""

from __future__ import annotations

from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from gateway.errors import HttpProblem

Body = TypeVar("Body", bound=BaseModel)


async def read_bytes(request: Request, largest: int) -> bytes | None:
    """The body; None where it has more bytes than that, of which no more are read."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > largest:
            return None
    return bytes(found)


async def read_model(request: Request, kind: type[Body], largest: int) -> Body:
    """The body as what it is to be; nothing at all is an empty object. Raises HttpProblem, naming the place."""
    found = await read_bytes(request, largest)
    if found is None:
        raise HttpProblem(f"a request may have {largest >> 10} KiB", status=413)
    try:
        return kind.model_validate_json(found or b"{}")
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in wrong["loc"])
        message = wrong["msg"].removeprefix("Value error, ")
        raise HttpProblem(
            f"{f'`{place}`: ' if place else ''}{message}",
            status=400,
            hint=f"A body has {', '.join(kind.model_fields)}.",
        ) from None
