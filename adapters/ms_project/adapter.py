"""MsProjectAdapter: one kind of source, read through the interface that the plans are kept behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, ClassVar, Protocol, Self, cast

import httpx
from pydantic import BaseModel

from adapters.base import Census, Counted, Cursor, Identity, Page, Partition, Presence, Stream
from adapters.http import Patience
from adapters.ms_project.options import MsProjectOptions
from adapters.sign_in import Refresh


class Reader(Protocol):
    """What reads one interface: the methods of an Adapter, entered and left with it."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc: object) -> None: ...
    async def check(self) -> Identity: ...
    async def discover(self) -> list[Stream]: ...
    async def partitions(self) -> list[Partition]: ...
    def read(self, partition: Partition, cursor: Cursor | None, *, full: bool) -> AsyncIterator[Page]: ...
    async def aliases(self) -> Mapping[str, str]: ...
    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]: ...


class MsProjectAdapter:
    """Reads plans of Microsoft Project. `refresh` gives a secret again when the server refuses it in mid run."""

    kind: ClassVar[str] = "ms_project"
    options: ClassVar[type[BaseModel]] = MsProjectOptions

    def __init__(
        self,
        options: MsProjectOptions,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        refresh: Refresh | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._reader = open_reader(options, transport, refresh=refresh, patience=patience)

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._reader.__aexit__(*exc)

    async def check(self) -> Identity:
        return await self._reader.check()

    async def discover(self) -> list[Stream]:
        return await self._reader.discover()

    async def partitions(self) -> list[Partition]:
        return await self._reader.partitions()

    async def read(self, partition: Partition, cursor: Cursor | None, *, full: bool) -> AsyncIterator[Page]:
        """See `Adapter.read`."""
        async with aclosing(cast(Any, self._reader.read(partition, cursor, full=full))) as pages:
            async for page in pages:
                yield page

    async def counted(self) -> Sequence[str]:
        return await self._reader.counted() if isinstance(self._reader, Census) else ()

    async def census(self) -> AsyncIterator[Sequence[Counted]]:
        if isinstance(self._reader, Census):
            async with aclosing(cast(Any, self._reader.census())) as pages:
                async for page in pages:
                    yield page

    async def changed(self, stream: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        return await self._reader.changed(stream, ids) if isinstance(self._reader, Census) else {}

    async def aliases(self) -> Mapping[str, str]:
        return await self._reader.aliases()

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        return await self._reader.locate(stream, ids, last_known)


def open_reader(
    options: MsProjectOptions,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    refresh: Refresh | None = None,
    patience: Patience | None = None,
) -> Reader:
    """The reader of `options.api`. Imported when needed: a source of files needs no HTTP."""
    match options.api:
        case "files":
            from adapters.ms_project.files import FilesReader

            return FilesReader(options)
        case "project_data":
            from adapters.ms_project.project_data import ProjectDataReader

            return ProjectDataReader(options, transport, refresh=refresh, patience=patience)
        case "dataverse":
            from adapters.ms_project.dataverse import DataverseReader

            return DataverseReader(options, transport, refresh=refresh, patience=patience)
