"""What can be wrong with a query.

QueryInvalid             400, pointing at the character
├─ NameUnknown           400, with the name that was probably meant
│  └─ CollectionUnknown  404
├─ QueryTooLarge         400, a limit of the API, refused before any work
├─ QueryTooCostly        400, what PostgreSQL expects it to cost is above the limit
├─ AnswerTooLarge        400, more than one answer of the database can hold
├─ CursorInvalid         400, start again from the first page
└─ PastUnknown           400, this collection has no history
QueryTooSlow             503
RowAmbiguous             409, names the ids
"""

from __future__ import annotations

from register.errors import QueryInvalid, RegisterError


class NameUnknown(QueryInvalid):
    """The register has no field, relation or collection of this name."""

    code = "QRY002"


class CollectionUnknown(NameUnknown):
    """The register has no such collection."""

    code = "QRY006"


class QueryTooLarge(QueryInvalid):
    """The query goes past a limit of the API."""

    code = "QRY003"


class QueryTooCostly(QueryInvalid):
    """PostgreSQL expects the query to cost more than is allowed; `estimate` and `limit` are in its unit."""

    code = "QRY010"

    def __init__(self, estimate: float, limit: float, hint: str) -> None:
        super().__init__(
            f"this would cost too much: PostgreSQL expects {estimate:,.0f}, and {limit:,.0f} is the limit",
            hint=hint,
        )
        self.estimate = round(estimate)
        self.limit = round(limit)


class AnswerTooLarge(QueryInvalid):
    """The answer is larger than a page may be, or than the database can put together."""

    code = "QRY009"


class CursorInvalid(QueryInvalid):
    """The cursor is not one of ours, or belongs to another query."""

    code = "QRY004"


class PastUnknown(QueryInvalid):
    """The collection has no history: it can only be asked as it is now."""

    code = "QRY007"


class QueryTooSlow(RegisterError):
    """The database did not finish in the time a request may take."""

    code = "QRY005"


class RowAmbiguous(RegisterError):
    """Several rows have this key."""

    code = "REG005"
