"""What people decide: that two ids are one thing or are not, and what a field's value is. Each is kept with who and
why, in the register and in the audit, and can be taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from register.audit import Actor, note
from register.catalog import Entity, catalog
from register.db import Connection, Pool
from register.errors import RegisterError, RowNotFound
from register.identity import Uniter
from register.ids import find_by_beginning
from register.links import DECISION, Links
from register.merge import merge_rows, write_events
from register.pinned import pin_value
from register.policy import Policy
from register.references import UNKNOWN_REFERENCE
from register.relink import ClaimedRow
from register.settled import IDENTITY_LOCK, Memory, read_settled

_PATIENCE_S = 10


class DecisionInvalid(RegisterError):
    """What was decided cannot be."""

    code = "REG007"


class DecisionWaits(RegisterError):
    """Others have the register in hand for longer than a person waits."""

    code = "REG010"


class Decisions:
    """Decides within one transaction, while no page is being written."""

    def __init__(self, connection: Connection, policy: Policy, actor: Actor) -> None:
        self._connection = connection
        self._policy = policy
        self._actor = actor
        self.changed = 0
        """Rows that were written."""

    async def same(self, entity: str, one: str, other: str, reason: str) -> str:
        """The two are one thing: show them as one row. Returns the link's id."""
        reason = await self._two(entity, one, other, reason)
        links = await self._links()
        await self._connection.execute(
            """
            UPDATE link SET state = 'withdrawn', reason = $3, decided_at = now(), actor = $4
            WHERE state = 'refused' AND ((first_id = ANY($1::uuid[]) AND second_id = ANY($2::uuid[]))
                                         OR (first_id = ANY($2::uuid[]) AND second_id = ANY($1::uuid[])))
            """,
            sorted(links.settled.members(links.settled.row(one))),
            sorted(links.settled.members(links.settled.row(other))),
            reason,
            self._actor.name,
        )
        links = await self._links()
        actor = self._actor.name
        if not await links.join(entity, one, other, DECISION, reason, actor=actor, reason=reason):
            await links.note(entity, one, other, "applied", DECISION, reason, actor=actor, reason=reason)
        return await self._done(links, "link joined", entity, one, other, reason)

    async def different(self, entity: str, one: str, other: str, reason: str) -> str:
        """The two are not one thing, whatever rules say: show them apart. Returns the link's id."""
        reason = await self._two(entity, one, other, reason)
        links = await self._links()
        await links.part(entity, one, other, f"decided to be two by {self._actor.name}")
        await links.note(
            entity, one, other, "refused", DECISION, reason, actor=self._actor.name, reason=reason
        )
        return await self._done(links, "link refused", entity, one, other, reason)

    async def undecided(self, link_id: str, reason: str) -> None:
        """Take a decision back: rules decide again when the records are next written."""
        reason = _reason(reason)
        link = await self.link(link_id)
        if link["rule"] != DECISION or link["state"] not in ("applied", "refused"):
            raise DecisionInvalid(
                "nobody has decided about this link", detail=f"link {link_id}", hint="Accept or refuse it."
            )
        links = await self._links()
        if link["state"] == "applied":
            edges = [edge for edge in await links.edges_of(link["entity"]) if edge.id == str(link["id"])]
            await links.withdraw(link["entity"], edges, reason)
        await self._connection.execute(
            "UPDATE link SET state = 'withdrawn', reason = $2, actor = $3, decided_at = now() WHERE id = $1",
            link["id"],
            reason,
            self._actor.name,
        )
        await self._let_rules_decide(links, link["entity"], _ends(link))
        await self._done(links, "decision withdrawn", link["entity"], *_ends(link), reason)

    async def verdict(self, link_id: str, verdict: str, reason: str) -> str:
        """Decide about a known link: `same`, `different` or `undecided`. Returns its id. Raises RowNotFound."""
        link = await self.link(link_id)
        if verdict == "undecided":
            await self.undecided(str(link["id"]), reason)
        else:
            decide = self.same if verdict == "same" else self.different
            await decide(link["entity"], *_ends(link), reason)
        return str(link["id"])

    async def link(self, link_id: str) -> Any:
        """The link of this id, or of the only id that begins so. Raises RowNotFound."""
        found = await find_by_beginning(self._connection, "link", link_id)
        if found is None:
            raise RowNotFound(f"there is no link {link_id}", hint="`portbook links list` shows them.")
        return found

    async def own_id(self, entity: str, word: str) -> str:
        """The own id that a person means: an id, `source:key` as the list of links shows it, or a row's key.
        Raises RowNotFound, or DecisionInvalid where the word is not enough."""
        table = _entity(entity).name
        word = word.replace("\x00", "�")
        try:
            own_id = str(UUID(word))
        except ValueError:
            pass
        else:
            await self._known(entity, own_id)
            return own_id
        source, colon, key = word.partition(":")
        rows = await self._connection.fetch(
            """
            SELECT DISTINCT c.own_id::text FROM claim c JOIN source_record r ON r.id = c.record_id
            WHERE c.entity = $1 AND c.source = $2
              AND lower($3) IN (lower(c.values->>'key'), lower(c.values->>'code'), lower(c.values->>'email'),
                                lower(r.source_id))
            """,
            entity, source, key,
        ) if colon else []  # fmt: skip
        if not rows:
            rows = await self._connection.fetch(
                f"SELECT id::text FROM {table} WHERE lower(key) = lower($1) AND presence = 'present'", word
            )
        if not rows:
            raise RowNotFound(
                f"no {entity} is called {word!r}",
                hint="Give its id, its key, or `source:key` as that source has it.",
            )
        if len(rows) > 1:
            raise DecisionInvalid(
                f"{len(rows)} rows are called {word!r}",
                detail=", ".join(row[0] for row in rows),
                hint="Give the id.",
            )
        return str(rows[0][0])

    async def pin(
        self, entity: str, row: str, field: str, value: Any, reason: str, expires_at: datetime | None
    ) -> str:
        """From now on the field has this value, whatever sources say. Replaces earlier pins on the row and its parts;
        returns the pin's id. Raises DecisionInvalid for a field or value that cannot be."""
        reason = _reason(reason)
        if expires_at is not None and expires_at <= datetime.now(UTC):
            raise DecisionInvalid("the pin would have ended already", detail=expires_at.isoformat())
        column, stored = await pin_value(self._connection, _entity(entity), field, value)
        links = await self._links()
        shown = links.settled.row(row)
        await self._known(entity, shown)
        if not await self._connection.fetchval(
            "SELECT EXISTS (SELECT FROM claim WHERE entity = $1 AND entity_id = $2)", entity, shown
        ):
            raise DecisionInvalid(
                f"no source tells of this {entity} any more, so nothing in it can be pinned", detail=shown
            )
        if stored == shown:
            raise DecisionInvalid(f"a {entity} cannot be its own {field}", detail=shown)
        parts = sorted(links.settled.members(shown))
        replaced = await self._release("entity_id = ANY($2::uuid[]) AND field = $3", parts, column)
        pin_id = str(uuid4())
        await self._connection.execute(
            """
            INSERT INTO pin (id, entity, entity_id, field, value, reason, actor, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            pin_id, entity, shown, column, orjson.dumps(stored).decode(), reason, self._actor.name, expires_at,
        )  # fmt: skip
        detail = {"field": column, "value": stored, "reason": reason}
        await self._note("value pinned", f"{entity} {shown}", detail)
        await self._merge(entity, {shown, *replaced})
        return pin_id

    async def release(self, pin_id: str, reason: str) -> str:
        """Take a pin back, by its id or by how only that id begins: sources are believed again. Earlier pins of the
        field on what is the same row now go with it. Returns its id."""
        reason = _reason(reason)
        pin = await find_by_beginning(
            self._connection,
            "pin",
            pin_id,
            "released_at IS NULL",
            "id, entity, entity_id::text, field, pinned_at",
        )
        if pin is None:
            raise RowNotFound(f"there is no pin {pin_id} in force", hint="`portbook pins list` shows them.")
        entity, row_id, field = pin["entity"], pin["entity_id"], pin["field"]
        settled = await read_settled(self._connection, Memory())
        released = await self._release(
            "(id = $2 OR (entity_id = ANY($3::uuid[]) AND field = $4 AND pinned_at < $5))",
            pin["id"], sorted(settled.members(settled.row(row_id))), field, pin["pinned_at"],
        )  # fmt: skip
        await self._note("pin released", f"{entity} {row_id}", {"field": field, "reason": reason})
        await self._merge(entity, released)
        return str(pin["id"])

    async def _two(self, entity: str, one: str, other: str, reason: str) -> str:
        """Both are ids of this entity, and not the same; returns the reason."""
        _entity(entity)
        if one == other:
            raise DecisionInvalid("that is one and the same id", detail=f"{entity} {one}")
        for own_id in (one, other):
            await self._known(entity, own_id)
        return _reason(reason)

    async def _known(self, entity: str, own_id: str) -> None:
        """Raises RowNotFound for an id that is none of this entity, not even of a reference to one: in a link it would
        spoil what it belongs to."""
        if not await self._connection.fetchval(
            f"""
            SELECT EXISTS (SELECT FROM {_entity(entity).name} WHERE id = $2)
                OR EXISTS (SELECT FROM claim WHERE entity = $1 AND own_id = $2)
                OR EXISTS (SELECT FROM absorbed WHERE entity = $1 AND id = $2)
                OR EXISTS (SELECT FROM link WHERE entity = $1 AND $2 IN (first_id, second_id))
                OR EXISTS (SELECT FROM finding WHERE entity = $1 AND entity_id = $2 AND code = $3)
            """,
            entity,
            own_id,
            UNKNOWN_REFERENCE,
        ):
            raise RowNotFound(f"there is no {entity} {own_id}", hint="Is it the id of something else?")

    async def _let_rules_decide(self, links: Links, entity: str, ends: tuple[str, str]) -> None:
        """Look again at the records of these two, as though they came just now."""
        await links.write_events("decision")
        rows = await self._connection.fetch(
            """
            SELECT c.source, c.own_id::text, r.source_id, c.values FROM claim c
            JOIN source_record r ON r.id = c.record_id
            WHERE c.entity = $1 AND c.own_id = ANY($2::uuid[]) ORDER BY c.source, c.own_id, c.record_id
            """,
            entity,
            list(ends),
        )
        for source, own_id, source_id, values in rows:
            row = ClaimedRow(entity, own_id, source_id, orjson.loads(values))
            settled = await read_settled(self._connection, Memory())
            uniter = Uniter(self._connection, source, None, self._policy, Memory(), settled, may_write=True)
            await uniter.unite([row])

    async def _release(self, where: str, *parameters: Any) -> set[str]:
        """Returns the rows that were pinned."""
        found = await self._connection.fetch(
            f"""
            UPDATE pin SET released_at = clock_timestamp(), released_by = $1 WHERE released_at IS NULL AND {where}
            RETURNING entity_id::text
            """,
            self._actor.name,
            *parameters,
        )
        return {row[0] for row in found}

    async def _merge(self, entity: str, pinned: Collection[str]) -> None:
        """Merge anew the rows of pins, and those they have become part of."""
        settled = await read_settled(self._connection, Memory())
        rows = {*pinned, *(settled.row(row_id) for row_id in pinned)}
        changes = await merge_rows(self._connection, entity, rows, self._policy, settled)
        await write_events(self._connection, changes, cause="pin", run_id=None)
        self.changed += len(changes)

    async def _links(self) -> Links:
        settled = await read_settled(self._connection, Memory())
        return Links(self._connection, settled, self._policy)

    async def _done(self, links: Links, action: str, entity: str, one: str, other: str, reason: str) -> str:
        self.changed += len(await links.write_events("decision"))
        await self._note(action, f"{entity} {one} {other}", {"reason": reason})
        first, second = sorted((one, other))
        found: str = await self._connection.fetchval(
            "SELECT id::text FROM link WHERE entity = $1 AND first_id = $2 AND second_id = $3",
            entity,
            first,
            second,
        )
        return found

    async def _note(self, action: str, subject: str, detail: dict[str, Any]) -> None:
        await note(self._connection, self._actor, action, subject, detail)


@asynccontextmanager
async def deciding(pool: Pool, policy: Policy, actor: Actor) -> AsyncIterator[Decisions]:
    """Open a transaction for decisions; leaving it commits. Waits until no page is being written."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE_S}s'")
        try:
            await connection.execute(f"SELECT pg_advisory_xact_lock({IDENTITY_LOCK})")
        except asyncpg.LockNotAvailableError:
            raise DecisionWaits(
                "the register is being written just now",
                hint="Decide again in a minute; a `plan` or a long page ends.",
            ) from None
        yield Decisions(connection, policy, actor)


def _ends(link: Any) -> tuple[str, str]:
    return str(link["first_id"]), str(link["second_id"])


def _entity(name: str) -> Entity:
    found = catalog().get(name)
    if found is None or not found.enveloped:
        raise DecisionInvalid(
            f"there is no entity {name!r}", hint="Write it in the singular: project, person …"
        )
    return found


def _reason(text: str) -> str:
    """A reason that says something. Raises DecisionInvalid."""
    cleaned = text.replace("\x00", "").encode("utf-8", "replace").decode().strip()
    if not cleaned:
        raise DecisionInvalid("a decision needs a reason", hint="Say why, for those who ask later.")
    return cleaned
