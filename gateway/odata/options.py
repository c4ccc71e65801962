"""What follows the question mark, and what stands in the parentheses of `$expand`: text → parts of a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from gateway.odata.bind import Binder
from gateway.odata.errors import NotSupported
from gateway.odata.model import EntitySet, Navigation, entity_sets
from gateway.odata.parse_filter import parse_expression
from gateway.odata.syntax import Member
from register.errors import QueryInvalid
from register.query import MAX_LIMIT, NameUnknown, QueryTooLarge
from register.query.ast import MAX_DEPTH, MAX_NESTED_LIMIT, Condition, Origin, Selected, Term
from register.query.names import did_you_mean
from register.query.tokens import check_text

MAX_SKIP = 100_000
MAX_TOP = 10_000_000
OF_LISTS = ("$select", "$expand", "$filter", "$orderby", "$top", "$skip", "$count", "$apply")
OF_ROWS = ("$select", "$expand")
OF_EXPANDED = ("$select", "$expand", "$filter", "$orderby", "$top", "$skip", "$count")
LACKING = (
    "$search", "$compute", "$levels", "$deltatoken", "$schemaversion", "$index", "$id", "$apply", "$skiptoken",
)  # fmt: skip
_IN_LINKS = "$,'()/:;=@*"


@dataclass(frozen=True, slots=True)
class Links:
    """What addresses in an answer begin with, and the options that they keep."""

    root: str
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """The parts of a query that were asked for."""

    fields: tuple[Selected, ...]
    shape: str
    """Of the answer, as its context says: `(Key,Project(Title))`, or nothing."""
    filter: Condition | None = None
    order: tuple[Term, ...] = ()
    top: int | None = None
    skip: int = 0
    count: bool = False
    given: Mapping[str, str] = field(default_factory=dict)


def read_options(each: EntitySet, given: Mapping[str, str], known: tuple[str, ...], links: Links) -> Options:
    """Raises QueryInvalid at the character, NotSupported for what OData has and we have not."""
    return _options(each, {name: (text, Origin(name, text)) for name, text in given.items()}, known, links)


def _options(
    each: EntitySet,
    given: Mapping[str, tuple[str, Origin]],
    known: tuple[str, ...],
    links: Links,
    depth: int = 0,
) -> Options:
    for name, (_, origin) in given.items():
        if name not in known:
            raise _unknown(name, known, origin)
    for text, origin in given.values():
        check_text(text, origin)
    fields, shape = _shown(each, given.get("$select"), given.get("$expand"), links, depth)
    binder = Binder(each, Origin("", ""))
    return Options(
        fields=fields,
        shape=shape,
        filter=read_filter(each, *given["$filter"]) if "$filter" in given else None,
        order=read_order(binder, *given["$orderby"]) if "$orderby" in given else (),
        top=_whole(*given["$top"], MAX_TOP) if "$top" in given else None,
        skip=_whole(*given["$skip"], MAX_SKIP) if "$skip" in given else 0,
        count=_flag(*given["$count"]) if "$count" in given else False,
        given={name: text for name, (text, _) in given.items()},
    )


def _unknown(name: str, known: tuple[str, ...], origin: Origin) -> QueryInvalid:
    if name in (*LACKING, *OF_LISTS):
        where = "" if name in LACKING else " here"
        return NotSupported(
            f"not supported: `{name}`{where}", position=origin.offset or None, parameter=origin.parameter,
            hint=f"There are {', '.join(known)}.",
        )  # fmt: skip
    return NameUnknown(
        f"there is no option `{name[:60]}`",
        position=origin.offset or None,
        parameter=name[:60],
        hint=did_you_mean(name, known) or f"There are {', '.join((*known, 'asOf'))}.",
    )


def read_filter(each: EntitySet, text: str, origin: Origin) -> Condition:
    return Binder(each, origin).condition(parse_expression(text, origin))


def read_order(binder: Binder, text: str, origin: Origin) -> tuple[Term, ...]:
    """`Budget desc,Programme/Key`: as OData has it, rows that lack a value come before those that have one."""
    terms = []
    for piece, at in split(text, ",", origin):
        words = piece.rstrip()
        descending = words.lower().endswith(" desc")
        if descending or words.lower().endswith(" asc"):
            words = words[: words.rindex(" ")]
        here = Origin(origin.parameter, origin.text, at)
        node = parse_expression(words, here)
        if not isinstance(node, Member):
            raise NotSupported(
                "not supported: order by anything but a property", position=at, parameter=origin.parameter,
                text=origin.text, hint="Write Budget desc,Programme/Key.",
            )  # fmt: skip
        path, _ = Binder(binder.start, here, columns=binder.columns).path(node)
        terms.append(Term(path, descending, not descending))
    return tuple(terms)


def _shown(
    each: EntitySet,
    select: tuple[str, Origin] | None,
    expand: tuple[str, Origin] | None,
    links: Links,
    depth: int,
) -> tuple[tuple[Selected, ...], str]:
    names, chosen = list(each.properties), False
    if select is not None and select[0].strip() != "*":
        names, chosen = _selected(each, *select), True
    origin = select[1] if select else Origin("$select", "")
    fields = [
        Selected(".".join(each.properties[name].path), name, 0, origin, flat=True)
        for name in names
        if name in each.properties
    ]
    shapes = names if chosen else []
    for below, shape in _expanded(each, *expand, links, depth) if expand is not None else ():
        fields += below
        shapes = [name for name in shapes if name != below[0].alias] + [below[0].alias + shape]
    if not fields:  # a way alone: the row's id says which row it is
        fields = [Selected("id", "Id", 0, origin, flat=True)]
    return tuple(fields), f"({','.join(shapes)})" if shapes else ""


def _selected(each: EntitySet, text: str, origin: Origin) -> list[str]:
    found: list[str] = []
    for piece, at in split(text, ",", origin):
        name = piece.strip()
        if "/" in name or "(" in name or "." in name:
            raise NotSupported(
                f"not supported: `{name[:60]}` in $select", position=at, parameter=origin.parameter, text=origin.text,
                hint="Select inside of $expand: $expand=Project($select=Key).",
            )  # fmt: skip
        if name == "*":
            found += each.properties
        elif name in each.properties or name in each.navigations:
            found.append(name)
        else:
            raise Binder(each, origin).unknown(each, name, at)
    return list(dict.fromkeys(found))


def _expanded(
    each: EntitySet, text: str, origin: Origin, links: Links, depth: int
) -> Iterator[tuple[list[Selected], str]]:
    if depth == MAX_DEPTH:
        raise QueryTooLarge(
            f"$expand is nested deeper than {MAX_DEPTH} levels",
            position=origin.offset, parameter=origin.parameter, text=origin.text,
        )  # fmt: skip
    seen = set()
    for piece, at in split(text, ",", origin):
        head, _, inside = piece.strip().partition("(")
        name = head.strip()
        if name == "*" or "/" in name or "." in name:
            raise NotSupported(
                f"not supported: `{name[:60]}` in $expand", position=at, parameter=origin.parameter, text=origin.text,
                hint="Name the ways, and those below in parentheses: $expand=Project($expand=Programme).",
            )  # fmt: skip
        way = each.navigations.get(name)
        if way is None:
            raise Binder(each, origin).unknown(each, name, at)
        if name in seen:
            raise QueryInvalid(
                f"`{name}` is expanded twice", position=at, parameter=origin.parameter, text=origin.text
            )
        seen.add(name)
        if inside and not inside.endswith(")"):
            raise QueryInvalid(
                "`)` is expected at the end", position=at + len(piece.rstrip()),
                parameter=origin.parameter, text=origin.text,
            )  # fmt: skip
        start = at + piece.index("(") + 1 if inside else at
        given = {}
        for option, place in (
            split(inside[:-1], ";", Origin(origin.parameter, origin.text, start)) if inside else ()
        ):
            word, equals, value = option.partition("=")
            word = word.strip()
            if not equals or word in given:
                raise QueryInvalid(
                    f"`{word[:60]}` is given twice" if equals else f"`=` is expected behind `{word[:60]}`",
                    position=place, parameter=origin.parameter, text=origin.text,
                )  # fmt: skip
            given[word] = (value, Origin(origin.parameter, origin.text, place + option.index("=") + 1))
        yield _below(each, way, given, at, origin, links, depth + 1)


def _below(
    each: EntitySet,
    way: Navigation,
    given: Mapping[str, tuple[str, Origin]],
    at: int,
    origin: Origin,
    links: Links,
    depth: int,
) -> tuple[list[Selected], str]:
    target = entity_sets()[way.target]
    relation = way.relation
    options = _options(target, given, OF_EXPANDED if relation.many else OF_ROWS, links, depth)
    if not relation.many:
        return [Selected(relation.name, way.name, at, origin, options.fields)], options.shape or "()"
    most = MAX_NESTED_LIMIT if options.top is None else min(options.top, MAX_NESTED_LIMIT)
    found = [
        Selected(
            relation.name,
            way.name,
            at,
            origin,
            options.fields,
            filter=options.filter,
            order=options.order,
            limit=max(most, 1),
            arguments=("filter", "order", "limit"),
            offset=options.skip,
        )
    ]
    if options.top == 0:
        raise NotSupported(
            "not supported: `$top=0` in $expand", position=at, parameter=origin.parameter, text=origin.text,
            hint=f"Leave {way.name} out, or ask for {way.name}/$count.",
        )  # fmt: skip
    if options.count:
        found.append(
            Selected(
                f"{relation.name}_count", f"{way.name}@odata.count", at, origin,
                filter=options.filter, arguments=("filter",),
            )
        )  # fmt: skip
    if options.top is None or options.top > most:
        kept = dict(options.given)
        kept.pop("$count", None)
        kept["$skip"] = str(options.skip + most)
        if options.top is not None:
            kept["$top"] = str(options.top - most)
        query = "&".join(f"{name}={quote(text, safe=_IN_LINKS)}" for name, text in kept.items())
        after = f")/{way.name}?{query}{'&' + links.kept if links.kept else ''}"
        found.append(
            Selected(
                relation.name, f"{way.name}@odata.nextLink", at, origin,
                filter=options.filter,
                beyond=(options.skip + most, f"{links.root}{each.name}(", after),
            )
        )  # fmt: skip
    return found, options.shape or "()"


def split(text: str, mark: str, origin: Origin) -> Iterator[tuple[str, int]]:
    """The pieces between marks that stand in no quotes and parentheses, each with its place. Raises QueryInvalid for an
    empty one."""
    depth, start, quoted = 0, 0, False
    for at, char in enumerate(text + mark):
        if char == "'":
            quoted = not quoted
        elif at == len(text) or (char == mark and not depth and not quoted):
            piece = text[start:at]
            if not piece.strip():
                raise QueryInvalid(
                    "something is expected here",
                    position=origin.at(start), parameter=origin.parameter, text=origin.text,
                )  # fmt: skip
            yield piece.lstrip(), origin.at(start + len(piece) - len(piece.lstrip()))
            start = at + 1
        elif not quoted:
            depth += (char == "(") - (char == ")")


def _whole(text: str, origin: Origin, most: int) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise QueryInvalid(
            f"{text[:20]!r} is no whole number",
            position=origin.offset, parameter=origin.parameter, text=origin.text,
        )  # fmt: skip
    if len(text) > 12 or int(text) > most:
        hint = (
            "Follow @odata.nextLink instead."
            if most == MAX_SKIP
            else f"A page holds {MAX_LIMIT:,} rows at most."
        )
        raise QueryTooLarge(
            f"at most {most:,} are allowed here", position=origin.offset, parameter=origin.parameter,
            text=origin.text, hint=hint,
        )  # fmt: skip
    return int(text)


def _flag(text: str, origin: Origin) -> bool:
    if text not in ("true", "false"):
        raise QueryInvalid(
            "true or false is expected", position=origin.offset, parameter=origin.parameter, text=origin.text
        )
    return text == "true"
