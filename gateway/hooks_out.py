"""/api/v1/webhooks: who is told of events, what became of it, and telling anew.

Needs the scope `webhooks`, with which a caller has webhooks of its own and is told of the rows it may see; `admin` has
everybody's in hand. Secrets leave here once each, when they are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.routing import Route

from gateway.auth import signed_in
from gateway.bodies import read_model
from gateway.errors import HttpProblem, NotAllowed
from gateway.rest import PREFIX, each_once, read_limit
from register.addresses import Network
from register.query import MAX_LIMIT, NameUnknown, QueryTooLarge, parse_as_of
from register.query.ast import Origin
from register.query.names import did_you_mean
from register.query.tokens import check_text
from register.replay import (
    STATES,
    list_deliveries,
    replay_failed,
    replay_one,
    replay_since,
    send_test,
    show_delivery,
)
from register.sealing import Sealer
from register.webhooks import (
    Maker,
    Wanted,
    change_webhook,
    create_webhook,
    delete_webhook,
    find_webhook,
    list_webhooks,
    rotate_secret,
)

LARGEST = 64 << 10
"""Bytes of a request."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What it takes to set webhooks up."""

    sealer: Sealer
    allowed: Sequence[Network] = ()


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewWebhook(_Body):
    """An address that is to be told of events."""

    name: str = Field(description="What people call it.")
    url: str = Field(description="Where events are sent to.")
    types: tuple[str, ...] = Field(default=("*",), max_length=100, description="The types of events.")
    filter: str | None = Field(default=None, description="Only events of rows that this finds.")
    fields: str | None = Field(default=None, description="What is sent of the row; null: all its fields.")
    enabled: bool = Field(default=True, description="Whether events are sent.")


class Change(_Body):
    """What is to be different about a webhook; what is left out stays."""

    name: str = Field(default="", description="What people call it.")
    url: str = Field(default="", description="Where events are sent to.")
    types: tuple[str, ...] = Field(default=(), max_length=100, description="The types of events.")
    filter: str | None = Field(default=None, description="Only events of rows that this finds; null: of all.")
    fields: str | None = Field(default=None, description="What is sent of the row; null: all its fields.")
    enabled: bool = Field(default=True, description="Whether events are sent.")


class Rotation(_Body):
    """How a secret is replaced."""

    overlap_s: int = Field(
        default=86_400, ge=0, le=30 * 86_400, description="Seconds for which the old one signs as well."
    )


class Replay(_Body):
    """What to tell anew: one of these."""

    delivery: int | None = Field(default=None, ge=1, lt=2**63, description="One delivery.")
    failed: bool = Field(default=False, description="All that were given up.")
    since: str | None = Field(
        default=None, description="All since a date or an instant, or since the `beginning`."
    )

    @model_validator(mode="after")
    def _one(self) -> Replay:
        if sum((self.delivery is not None, self.failed, self.since is not None)) != 1:
            raise ValueError("say one of `delivery`, `failed` and `since`")
        return self


async def every(request: Request) -> Response:
    """200; all of the caller's, by name."""
    maker = await _maker(request)
    async with _pool(request).acquire() as connection:
        return _answer(await list_webhooks(connection, maker))


async def create(request: Request) -> Response:
    """201, with the secret, which cannot be shown again."""
    maker, body = await _maker(request), await read_model(request, NewWebhook, LARGEST)
    if maker.key_id is None:  # nobody could take from it what it is told, when the account's token has ended
        raise NotAllowed(
            "webhooks are made with a key", "`portbook keys create NAME --scope webhooks` makes one."
        )
    desk = _desk(request)
    async with _pool(request).acquire() as connection, connection.transaction():
        webhook_id, secret = await create_webhook(
            connection, Wanted(**body.model_dump()), sealer=desk.sealer, allowed=desk.allowed, maker=maker
        )
        made = await find_webhook(connection, webhook_id, maker)
    return _answer({**made, "secret": secret}, 201)


async def show(request: Request) -> Response:
    maker = await _maker(request)
    async with _pool(request).acquire() as connection:
        return _answer(await find_webhook(connection, _which(request), maker))


async def change(request: Request) -> Response:
    """200; the webhook as it is now."""
    maker, body = await _maker(request), await read_model(request, Change, LARGEST)
    given = body.model_dump(include=body.model_fields_set)
    if not given:
        raise HttpProblem("there is nothing to change", status=400, hint=_takes(Change))
    async with _pool(request).acquire() as connection, connection.transaction():
        changed = await change_webhook(
            connection, _which(request), given, allowed=_desk(request).allowed, maker=maker
        )
    await _ring(request)
    return _answer(changed)


async def delete(request: Request) -> Response:
    """200; what was still to be told is not."""
    maker = await _maker(request)
    async with _pool(request).acquire() as connection, connection.transaction():
        webhook_id = await delete_webhook(connection, _which(request), maker=maker)
    return _answer({"id": webhook_id})


async def rotate(request: Request) -> Response:
    """200, with the new secret, which cannot be shown again."""
    maker, body = await _maker(request), await read_model(request, Rotation, LARGEST)
    which = _which(request)
    async with _pool(request).acquire() as connection, connection.transaction():
        secret = await rotate_secret(
            connection,
            which,
            sealer=_desk(request).sealer,
            maker=maker,
            overlap=timedelta(seconds=body.overlap_s),
        )
        rotated = await find_webhook(connection, which, maker)
    return _answer({**rotated, "secret": secret})


async def test(request: Request) -> Response:
    """202; what came of it is at the delivery's address."""
    maker = await _maker(request)
    async with _pool(request).acquire() as connection, connection.transaction():
        delivery = await send_test(connection, _which(request), maker)
    await _ring(request)
    return _answer({"delivery": delivery}, 202)


async def replay(request: Request) -> Response:
    """202; how many are sent again, where that is known."""
    maker, body = await _maker(request), await read_model(request, Replay, LARGEST)
    which = _which(request)
    count = None
    async with _pool(request).acquire() as connection, connection.transaction():
        if body.delivery is not None:
            count = await replay_one(connection, which, body.delivery, maker)
        elif body.failed:
            count = await replay_failed(connection, which, maker)
        else:
            await replay_since(connection, which, _moment(str(body.since)), maker)
    await _ring(request)
    return _answer({"deliveries": count}, 202)


async def deliveries(request: Request) -> Response:
    """200; the newest first. `next` goes on with older ones."""
    maker = await _maker(request)
    given = _given(request, "state", "limit", "before")
    limit = read_limit(given.get("limit"))
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryTooLarge(f"`limit` is from 1 to {MAX_LIMIT:,}", parameter="limit")
    state = given.get("state")
    if state is not None and state not in STATES:
        raise HttpProblem(
            f"there is no state {state[:40]!r}",
            status=400,
            hint=did_you_mean(state, STATES) or ", ".join(STATES),
        )
    before = _number(given["before"], "before") if "before" in given else None
    async with _pool(request).acquire() as connection:
        hook = await find_webhook(connection, _which(request), maker)
        found = await list_deliveries(connection, hook["id"], state=state, limit=limit, before=before)
    return _answer(found, following=found[-1]["id"] if len(found) == limit else None)


async def delivery(request: Request) -> Response:
    """200; with every attempt at it."""
    maker = await _maker(request)
    number = _number(request.path_params["delivery"], "delivery")
    async with _pool(request).acquire() as connection:
        hook = await find_webhook(connection, _which(request), maker)
        return _answer(await show_delivery(connection, hook["id"], number))


async def _maker(request: Request) -> Maker:
    caller = await signed_in(request, "webhooks")
    return Maker(caller.actor, None if caller.account else caller.key_id, own_only=not caller.may("admin"))


def _desk(request: Request) -> Desk:
    if request.app.state.webhooks is None:
        raise HttpProblem("this gateway only reads", status=503, hint="Use `portbook webhooks`.")
    desk: Desk = request.app.state.webhooks
    return desk


def _pool(request: Request) -> Any:
    _desk(request)
    return request.app.state.telling


async def _ring(request: Request) -> None:
    if request.app.state.ring is not None:
        with suppress(Exception):  # a worker looks by itself
            await request.app.state.ring()


def _which(request: Request) -> str:
    """The webhook's name or id in the address. Raises QueryInvalid for what no text in the register can hold."""
    found: str = request.path_params["webhook"]
    check_text(found, Origin("webhook", found))
    return found


def _takes(kind: type[_Body]) -> str:
    return f"A body has {', '.join(kind.model_fields)}."


def _given(request: Request, *known: str) -> Mapping[str, str]:
    given = each_once(request.scope["query_string"])
    for name in given:
        if name not in known:
            raise NameUnknown(
                f"this address takes no `{name[:60]}`",
                parameter=name[:60],
                hint=did_you_mean(name, known) or f"It takes {', '.join(known)}.",
            )
    return given


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise HttpProblem(f"`{name}` is the number of a delivery", status=400)
    return int(text)


def _moment(text: str) -> datetime | None:
    return None if text == "beginning" else parse_as_of(text, "since").instant(datetime.now(UTC), start=True)


def _answer(data: Any, status: int = 200, *, following: int | None = None) -> Response:
    body: dict[str, Any] = {"data": data}
    if isinstance(data, list):
        body["next"] = following
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


_BASE = PREFIX + "webhooks"
_ONE = _BASE + "/{webhook}"
routes = [
    Route(_BASE, every, methods=["GET"]),
    Route(_BASE, create, methods=["POST"]),
    Route(_ONE, show, methods=["GET"]),
    Route(_ONE, change, methods=["PATCH"]),
    Route(_ONE, delete, methods=["DELETE"]),
    Route(_ONE + "/rotate", rotate, methods=["POST"]),
    Route(_ONE + "/test", test, methods=["POST"]),
    Route(_ONE + "/replay", replay, methods=["POST"]),
    Route(_ONE + "/deliveries", deliveries, methods=["GET"]),
    Route(_ONE + "/deliveries/{delivery}", delivery, methods=["GET"]),
]
