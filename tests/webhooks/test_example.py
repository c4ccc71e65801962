"""The receiver in docs/webhooks.md does what the page says of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from standardwebhooks import WebhookVerificationError

from register.replay import send_test
from tests.fakes.receiver import Receiver
from tests.fix_webhooks import TESTS, Told

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


def example() -> dict[str, Any]:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


async def test_the_example_verifies_keeps_the_newest_version_and_forgets_the_rest(told: Told) -> None:
    names = example()
    async with Receiver() as receiver, told.deliverer() as deliverer:
        hook, secret = await told.hook(receiver.url)
        row = await told.write("project", "PAY", title="a")
        await told.write("project", "PAY", title="b")
        async with told.pool.acquire() as connection:
            await send_test(connection, hook, TESTS)
        await deliverer.deliver_due()
        calls = sorted(receiver.calls, key=lambda call: call.body, reverse=True)
        for call in [*calls, *calls[::-1]]:
            names["receive"](secret, call.headers, call.body)
        register = orjson.loads(await told.pool.fetchval("SELECT row_to_json(t) FROM project t"))
        assert names["rows"] == {("project", str(row)): (2, register)}
        with pytest.raises(WebhookVerificationError):
            names["receive"](secret, calls[0].headers, calls[0].body + b" ")


def test_the_message_on_the_page_has_the_parts_of_a_real_one() -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    message = orjson.loads(shown)
    assert list(message) == ["type", "timestamp", "data"]
    assert list(message["data"]) == ["entity", "id", "key", "version", "cause", "changed", "row"]
