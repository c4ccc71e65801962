"""What can be worked out from fields inside a query: a closed list, each with its kinds and its SQL.

The names are SQL's and this grammar's own; OData has others for the same (gateway/odata). Dates and instants are taken
apart in UTC. An empty argument makes an empty result, and so does a division by zero.
"""

from __future__ import annotations

from dataclasses import dataclass

from register.catalog import Kind

_TEXT = (Kind.TEXT,)
_NUMBER = (Kind.NUMBER, Kind.INTEGER)
_TIME = (Kind.DATE, Kind.INSTANT)


@dataclass(frozen=True, slots=True)
class Function:
    """`takes` holds the kinds that each argument may be of, `gives` the kind of the result."""

    name: str
    takes: tuple[tuple[Kind, ...], ...]
    gives: Kind
    sql: str
    """With {0}, {1} … for the arguments; instants among them are without zone already, at UTC."""
    says: str


def _all() -> dict[str, Function]:
    listed = [
        *(
            Function(part, (_TIME,), Kind.INTEGER, f"extract({unit} FROM {{0}})::int8", says)
            for part, unit, says in (
                ("year", "year", "the year"),
                ("quarter", "quarter", "the quarter, 1 to 4"),
                ("month", "month", "the month, 1 to 12"),
                ("week", "week", "the week by ISO 8601, 1 to 53"),
                ("day", "day", "the day of the month"),
                ("weekday", "isodow", "the day of the week, Monday 1 to Sunday 7"),
            )
        ),
        *(
            Function(
                part, ((Kind.INSTANT,),), Kind.INTEGER, f"extract({part} FROM {{0}})::int8", f"the {part}"
            )
            for part in ("hour", "minute")
        ),
        Function(
            "second", ((Kind.INSTANT,),), Kind.INTEGER, "floor(extract(second FROM {0}))::int8", "the second"
        ),
        Function("date", (_TIME,), Kind.DATE, "({0})::date", "the day, of an instant in UTC"),
        *(
            Function(
                f"start_of_{part}",
                (_TIME,),
                Kind.DATE,
                f"date_trunc('{part}', {{0}})::date",
                f"the {part}'s first day",
            )
            for part in ("year", "quarter", "month", "week")
        ),
        Function("lower", (_TEXT,), Kind.TEXT, "lower({0})", "in small letters"),
        Function("upper", (_TEXT,), Kind.TEXT, "upper({0})", "in capitals"),
        Function("trim", (_TEXT,), Kind.TEXT, "btrim({0}, E' \\t\\r\\n')", "without white space around it"),
        Function("length", (_TEXT,), Kind.INTEGER, "length({0})::int8", "how many characters"),
        Function(
            "contains",
            (_TEXT, _TEXT),
            Kind.BOOLEAN,
            "(strpos({0}, {1}) > 0)",
            "whether the first holds the second",
        ),
        Function(
            "starts_with",
            (_TEXT, _TEXT),
            Kind.BOOLEAN,
            "starts_with({0}, {1})",
            "whether the first begins with the second",
        ),
        Function(
            "ends_with",
            (_TEXT, _TEXT),
            Kind.BOOLEAN,
            "(right({0}, length({1})) = {1})",
            "whether the first ends with the second",
        ),
        Function(
            "index_of",
            (_TEXT, _TEXT),
            Kind.INTEGER,
            "(strpos({0}, {1}) - 1)::int8",
            "where the second begins in the first, from 0; else -1",
        ),
        Function("concat", (_TEXT, _TEXT), Kind.TEXT, "({0} || {1})", "both, one behind the other"),
        Function(
            "substring",
            (_TEXT, _NUMBER),
            Kind.TEXT,
            f"substr({{0}}, {_place('{1}')} + 1)",
            "from this character on, from 0",
        ),
        Function(
            "substring_of",
            (_TEXT, _NUMBER, _NUMBER),
            Kind.TEXT,
            f"substr({{0}}, {_place('{1}')} + 1, {_place('{2}')})",
            "as many characters from this one on",
        ),
        Function("round", (_NUMBER,), Kind.NUMBER, "round({0}::numeric)", "the nearest whole number"),
        Function("floor", (_NUMBER,), Kind.NUMBER, "floor({0}::numeric)", "the whole number below"),
        Function("ceiling", (_NUMBER,), Kind.NUMBER, "ceil({0}::numeric)", "the whole number above"),
        Function("negative", (_NUMBER,), Kind.NUMBER, "(- {0}::numeric)", "with the other sign"),
        Function("add", (_NUMBER, _NUMBER), Kind.NUMBER, "({0}::numeric + {1})", "the sum"),
        Function("subtract", (_NUMBER, _NUMBER), Kind.NUMBER, "({0}::numeric - {1})", "the difference"),
        Function("multiply", (_NUMBER, _NUMBER), Kind.NUMBER, "({0}::numeric * {1})", "the product"),
        Function(
            "divide",
            (_NUMBER, _NUMBER),
            Kind.NUMBER,
            "({0}::numeric / nullif({1}, 0))",
            "the quotient",
        ),
        Function(
            "divide_whole",
            (_NUMBER, _NUMBER),
            Kind.NUMBER,
            "trunc({0}::numeric / nullif({1}, 0))",
            "the quotient without its fraction",
        ),
        Function(
            "modulo",
            (_NUMBER, _NUMBER),
            Kind.NUMBER,
            "({0}::numeric % nullif({1}, 0))",
            "what is left of a division",
        ),
        Function(
            "days_between",
            (_TIME, _TIME),
            Kind.INTEGER,
            "(({1})::date - ({0})::date)::int8",
            "days from the first to the second",
        ),
    ]
    return {function.name: function for function in listed}


def _place(argument: str) -> str:
    """A number of characters, inside what PostgreSQL counts them with."""
    return f"least(greatest({argument}, 0), 1000000000)::int4"


FUNCTIONS = _all()

MEASURES = ("count", "count_distinct", "sum", "avg", "min", "max", "count_if")
"""What can be worked out of a group of rows."""
