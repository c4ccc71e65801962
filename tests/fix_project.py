"""Adapters that read the fake Project Server."""

from __future__ import annotations

from typing import Any

import httpx

from adapters.ms_project import MsProjectAdapter, MsProjectOptions
from tests.fakes.project_server import FakeProjectServer
from tests.fix_sources import AT_ONCE


class Rerouted(httpx.AsyncHTTPTransport):
    """Real requests, to the port of a fake, whatever host they are meant for: for what depends on a host's name."""

    def __init__(self, fake: FakeProjectServer) -> None:
        super().__init__()
        self._target = httpx.URL(fake.url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host=self._target.host, port=self._target.port)
        return await super().handle_async_request(request)


def server_adapter(fake: FakeProjectServer, **options: Any) -> MsProjectAdapter:
    """An adapter that signs in to this fake and never waits."""
    more: dict[str, Any] = {name: options.pop(name) for name in ("refresh", "patience") if name in options}
    transport = Rerouted(fake) if "url" in options else None
    given = MsProjectOptions.model_validate(
        {"api": "project_data", "url": fake.site, "auth": fake.auth(), "per_second": 500, **options}
    )
    return MsProjectAdapter(given, transport, **{"patience": AT_ONCE, **more})
