"""Questions to the register: text → query → plan → one SQL statement → JSON.

parse_fields, parse_filter    grammar      text → ast.Query          positions kept
check                         names        Query → Level             catalog, kinds, limits
compile                       SQL          Level → Statement         values bound
views                         worked out   rows for reports, made of others
past                          as_of        another table, an instant  the same query, of then
read, cursor                  running it   Statement → Answer        bytes passed through
"""

from register.query.ast import DEFAULT_LIMIT, MAX_LIMIT, Aggregate, Query
from register.query.check import check, entity_of
from register.query.check_groups import check_groups
from register.query.cursor import shape_of
from register.query.diff import read_diff
from register.query.errors import (
    AnswerTooLarge,
    CollectionUnknown,
    CursorInvalid,
    NameUnknown,
    PastUnknown,
    QueryTooCostly,
    QueryTooLarge,
    QueryTooSlow,
    RowAmbiguous,
)
from register.query.feed import read_changes
from register.query.lanes import Lanes
from register.query.one_row import find_row
from register.query.parse_aggregate import parse_keys, parse_measures
from register.query.parse_fields import parse_fields
from register.query.parse_filter import parse_filter, parse_order
from register.query.past import AsOf, parse_as_of
from register.query.plan import Level
from register.query.read import (
    Answer,
    Prepared,
    PreparedGroups,
    fetch_count,
    fetch_page,
    fetch_row,
    read_page,
    read_row,
)
from register.query.scope import RowScope
from register.query.versions import read_history

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "Aggregate",
    "Answer",
    "AnswerTooLarge",
    "AsOf",
    "CollectionUnknown",
    "CursorInvalid",
    "Lanes",
    "Level",
    "NameUnknown",
    "PastUnknown",
    "Prepared",
    "PreparedGroups",
    "Query",
    "QueryTooCostly",
    "QueryTooLarge",
    "QueryTooSlow",
    "RowAmbiguous",
    "RowScope",
    "check",
    "check_groups",
    "entity_of",
    "fetch_count",
    "fetch_page",
    "fetch_row",
    "find_row",
    "parse_as_of",
    "parse_fields",
    "parse_filter",
    "parse_keys",
    "parse_measures",
    "parse_order",
    "read_changes",
    "read_diff",
    "read_history",
    "read_page",
    "read_row",
    "shape_of",
]
