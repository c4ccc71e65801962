"""The seam between a tool and Portbook: what an adapter is asked for and what it hands over.

An adapter knows one kind of tool and nothing of the register. It is built as `JiraAdapter(options)`, used as an
async context manager, and read a partition at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

from pydantic import BaseModel

from adapters.errors import FileDoubled, RecordRejected, SourceError

Cursor = Mapping[str, Any]
"""JSON that the adapter writes and only the adapter reads: where to go on reading a partition."""


class RawRecord(NamedTuple):
    """One record in the tool's own words."""

    stream: str
    """The kind of record, e.g. `issue`. A page may carry records of several streams (an issue brings the users
    it names)."""
    id: str
    """The tool's immutable id, unique in the stream; never a display key that can be renamed."""
    payload: bytes
    """The record as sent: UTF-8 JSON, byte for byte where the tool speaks JSON."""
    data: Any
    """The payload decoded. Lone surrogates are already U+FFFD here; NULs are still in."""
    updated_at: datetime | None = None
    """When the tool says it last changed (aware), where the tool says so."""
    deleted: bool = False
    """The tool itself reported the deletion; payload may then be b"null" and data None."""
    error: RecordRejected | None = None
    """The record could not be read. It is kept aside with its payload; its neighbours go on."""
    doubt: FileDoubled | None = None
    """It was read, and there is something about it that a person should look at. The data tell of it too: only a record
    that changed opens or closes a finding."""


class Page(NamedTuple):
    """Records that are stored together with the cursor that follows them."""

    records: Sequence[RawRecord]
    cursor: Cursor | None
    """Safe to keep once the page is stored: reading goes on after it, also in another process. None when the
    place cannot be kept here (then the last kept one counts)."""
    expected: int | None = None
    """How many records the partition holds in this read, where the tool tells: for progress bars only."""
    complete: bool = False
    """On the last page of a read: it met every record the partition has, although it was not asked for all. A
    source read as a whole when it changed (a workbook) says so; records it did not meet are missing."""


class Partition(NamedTuple):
    """A part of a source that can be read on its own and beside the others."""

    name: str
    """Unique in the source and stable between runs: `users`, `issues:10002`, `RAID.xlsx#Risks`."""
    streams: tuple[str, ...]
    """The streams this partition is the complete home of, for this partition's scope: in a full read, a record
    of these streams that used to come from this source and was met in no partition is missing."""
    title: str = ""
    """For people: `issues of PAY`."""
    first: bool = False
    """Read to its end before the others start: what others refer to (projects, people)."""
    whole: bool = False
    """Read from first to last or not at all, as files are: its cursor says what was read, not how far. What a run that
    fails has stored of it, the cursor before it does not tell of."""


class Hint(NamedTuple):
    """What a notification of the tool says may have changed; never to what."""

    stream: str = ""
    """Empty: something in the source, which only the next incremental run will find."""
    id: str = ""
    """The tool's immutable id, as `RawRecord.id`."""


HOOK = "hook"
"""The stream of a hint without an id by which the tool tells that its notifications stop unless the hook is renewed."""


class Notice(NamedTuple):
    """A notification that was found to be genuine."""

    hints: Sequence[Hint] = ()
    reply: bytes = b""
    """What the tool expects to be answered with, as plain text."""


class Presence(StrEnum):
    """Why a record is, or is no longer, in the register."""

    PRESENT = "present"
    DELETED = "deleted"
    MOVED = "moved"
    LOST_ACCESS = "lost_access"
    OUT_OF_SCOPE = "out_of_scope"
    ARCHIVED = "archived"


class Identity(NamedTuple):
    """Who we are at the tool, as the tool says it. `warnings` name permissions that are missing."""

    account: str
    product: str
    """Product and version: `Jira Cloud 1001.0.0`."""
    timezone: str = ""
    warnings: tuple[str, ...] = ()
    unmet: tuple[SourceError, ...] = ()
    """What the configuration selects and the account does not see there, each with what was probably meant. The rest
    is read."""


class SourceField(NamedTuple):
    """A field this tenant really has."""

    path: str
    """JMESPath into the record, as a mapping would write it: `fields.customfield_10016`."""
    title: str
    kind: str
    """The tool's type: `number`, `option`, `array of user` …"""
    samples: tuple[Any, ...] = ()


class Stream(NamedTuple):
    """A kind of record as found in this tenant."""

    name: str
    """Empty where a part of the source cannot be read; the title then says why."""
    title: str
    fields: tuple[SourceField, ...]
    values: Mapping[str, Sequence[str]] = {}
    """Closed lists the tenant defines, e.g. {"status": ["To Do", "Rückfrage"], "issuetype": [...]}."""
    problem: SourceError | None = None
    """Why it cannot be read."""


class Adapter(Protocol):
    """One external tool. Every method may raise a SourceError (see `adapters/errors.py`) and nothing else."""

    kind: ClassVar[str]
    """The word in configuration, URLs, logs and mapping files: `jira`."""
    options: ClassVar[type[BaseModel]]
    """What a person fills in under `sources:`, besides name, kind, every, sweep and mapping."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc: object) -> None: ...

    async def check(self) -> Identity:
        """Sign in and see what the account may see. Reads as little as possible."""
        ...

    async def discover(self) -> list[Stream]:
        """What this tenant has, with samples."""
        ...

    async def partitions(self) -> list[Partition]:
        """Every partition, in the order they should be started."""
        ...

    def read(self, partition: Partition, cursor: Cursor | None, *, full: bool) -> AsyncIterator[Page]:
        """Yield pages in an order that survives edits made meanwhile. May repeat, never skips.

        With `full` everything in the partition is read: `cursor` is then None or a place inside this same full
        read. Otherwise what changed since `cursor`; the last page's cursor is where the next run starts.
        Raises SourceMisbehaved rather than ending early when paging is not sane.
        """
        ...

    async def aliases(self) -> Mapping[str, str]:
        """Names that a mapping may use in place of paths, as this tenant has them: in `from: custom."Business
        value"` the part after `custom.` is looked up here and gives `fields.customfield_10050`. A name that two
        fields share is left out."""
        ...

    async def locate(
        self, stream: str, ids: Sequence[str], last_known: Mapping[str, Any]
    ) -> dict[str, Presence]:
        """Why records that a complete read did not meet are missing. `last_known` holds, by id, each record's data
        as last stored. An id left out of the answer is unknown, and stays as it is."""
        ...


@runtime_checkable
class Rereads(Protocol):
    """An adapter that can read single records again, so that a notification is followed within seconds."""

    def reread(self, hints: Sequence[Hint]) -> AsyncIterator[Page]:
        """Yield what these are now (hints without an id are left out), with whatever they name. Cursors are None.
        A record that the tool no longer shows is left out; `locate` then tells why."""
        ...


class Counted(NamedTuple):
    """A record that the tool has, by its id alone."""

    stream: str
    id: str
    project: str = ""
    """The tool's id of the project it is in; empty where it is in none, or it cannot be told without reading it."""


@runtime_checkable
class Census(Protocol):
    """An adapter that can list the ids of what it reads without reading it, to prove that the register holds it all."""

    async def counted(self) -> Sequence[str]:
        """The streams that a census accounts for; none where this source can only be read as a whole."""
        ...

    def census(self) -> AsyncIterator[Sequence[Counted]]:
        """Yield every record of these streams that a complete read would meet. May repeat, never skips."""
        ...

    async def changed(self, stream: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        """When the tool says these last changed, where it says so."""
        ...


class Subscribed(NamedTuple):
    """A hook that was set up at the tool."""

    id: str
    title: str
    """For people: what it tells us of."""
    expires_at: datetime | None = None


@runtime_checkable
class Subscribes(Protocol):
    """An adapter whose tool lets us set up its notifications ourselves."""

    async def subscribe(self, address: str, secret: str) -> list[Subscribed]:
        """Let the tool tell `address` of changes, proving itself with `secret`; what is set up already is replaced,
        since its secret may be an old one. Raises SourceRefused where the account may not do so."""
        ...

    async def resubscribe(self, subscription_id: str) -> Subscribed | None:
        """Let a hook that is about to end live on; None when the tool no longer has it."""
        ...


class Door(Protocol):
    """Where a tool's notifications come in: whether one is genuine, and what it says may have changed."""

    def receive(self, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Notice:
        """`headers` have small letters. Raises HookRefused for what is not from the tool; what is genuine but of no
        interest is an empty notice."""
        ...

    def instructions(self, address: str) -> str:
        """For people: what to set up at the tool by hand so that it tells `address`, line by line. For an
        administrator's eyes: it may hold an address that nobody else should know. The secret itself is not in it."""
        ...
