"""Project XML (MSPDI) as a stream of elements, for the process that reads files nobody vouches for.

No document type, entity or network is ever looked at. What Project itself writes now and then and XML forbids, stray
control characters, is replaced; everything else that is not well-formed ends the read, for a file that was cut off
must not look like a plan that lost its tasks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree

from adapters.spreadsheet.grid import Refused

Data = dict[str, Any]

NAMESPACE = "http://schemas.microsoft.com/project"
LISTS = frozenset({"PredecessorLink", "ExtendedAttribute", "Baseline", "OutlineCode"})
"""Elements that may come several times below a task, resource or assignment."""
SKIPPED = frozenset({"TimephasedData"})
"""Hours by day: often nine tenths of a file, and not kept."""
_SECTIONS = {"Task": "Tasks", "Resource": "Resources", "Assignment": "Assignments", "Calendar": "Calendars"}
_BODY = ("Tasks", "Resources", "Assignments")
_OLE = bytes.fromhex("D0CF11E0A1B11AE1")
_CHUNK = 1 << 16
_END = re.compile(rb"</(?:\w+:)?Project\s*>")
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_TAIL = 1 << 13
"""Bytes at the end of a file in which it must be closed: comments and what pads it may come behind."""
_LONGEST_REFERENCE = 12
_CONTROLS = bytes(n for n in range(32) if n not in (9, 10, 13))
_TO_SPACE = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_FORBIDDEN = re.compile(
    rb"&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]|[dD][89a-fA-F][0-9a-fA-F]{2}|"
    rb"[fF]{3}[eEfF]));"
)
_DECLARATIONS = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


class Cleaned:
    """A file as the parser may see it: control characters replaced, document types refused."""

    def __init__(self, path: Path, name: str) -> None:
        self._file = path.open("rb")
        self._name = name
        head = self._file.read(4)
        self._file.seek(0)
        # In UTF-16 every second byte is a control character; such files pass as they are.
        self._wide = head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head
        self._held = b""

    def read(self, size: int = _CHUNK) -> bytes:
        """The next bytes; never empty before the end."""
        while True:
            chunk = self._file.read(max(size, _CHUNK))
            self._look_for_declarations(self._held + chunk)
            if self._wide:
                self._held = chunk[-_LONGEST_REFERENCE:]
                return chunk
            whole = self._held + chunk
            self._held = b""
            begun = max(whole.rfind(sign, -_LONGEST_REFERENCE) for sign in (b"&", b"<"))
            if chunk and begun >= 0:
                # What begins here may go on in the next chunk, and must be looked at in one piece.
                whole, self._held = whole[:begun], whole[begun:]
            if whole or not chunk:
                return _FORBIDDEN.sub(b"&#xFFFD;", whole.translate(_TO_SPACE))

    def close(self) -> None:
        self._file.close()

    def _look_for_declarations(self, text: bytes) -> None:
        narrow = text.replace(b"\x00", b"") if self._wide else text
        if _DECLARATIONS.search(narrow):
            raise Refused(
                f"{self._name} holds a document type, which Project never writes",
                hint="Such a file can make a parser run out of memory. Do not open it; ask who made it.",
            )


def is_binary_plan(path: Path) -> bool:
    """Whether it begins like an .mpp file, whatever it is called."""
    with path.open("rb") as file:
        return file.read(len(_OLE)) == _OLE


def elements(path: Path, name: str) -> Iterator[tuple[str, Any]]:
    """(`Task` | `Resource` | `Assignment` | `Calendar`, element) in document order, then (`Project`, root) with what
    stands outside these. An element is only good until the next one is asked for. Raises Refused."""
    source = Cleaned(path, name)
    try:
        parser = etree.iterparse(
            source,
            events=("end",),
            tag=tuple(f"{{*}}{tag}" for tag in _SECTIONS),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        root = None
        for _, element in parser:
            section = element.getparent()
            tag = local(element)
            if section is None or local(section) != _SECTIONS[tag] or section.getparent() is None:
                continue
            if root is None:
                root = _checked(section.getparent(), name)
            if section.getparent() is root:
                yield tag, element
            element.clear()
            while element.getprevious() is not None:
                del section[0]
        yield "Project", _checked(parser.root, name) if root is None else root
    except etree.XMLSyntaxError as error:
        raise _not_well_formed(path, name, error) from None
    finally:
        source.close()


def head(path: Path, name: str) -> Data:
    """What stands before the tasks, resources and assignments: as little of the file as possible is read."""
    source = Cleaned(path, name)
    try:
        parser = etree.iterparse(
            source,
            events=("start", "end"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        root = None
        depth = 0
        for event, element in parser:
            depth += 1 if event == "start" else -1
            if root is None:
                root = _checked(element, name)
            elif event == "start" and depth == 2 and local(element) in _BODY:
                element.getparent().remove(element)
                break
        if root is None:
            raise Refused(f"{name} is empty", hint="It may still be uploading; else restore it.")
        if not _ends_properly(path):
            raise _cut_off(name, "it does not end with </Project>")
        return header(root)
    except etree.XMLSyntaxError as error:
        raise _not_well_formed(path, name, error) from None
    finally:
        source.close()


def header(root: Any) -> Data:
    """The members of the project itself, as text, and the definitions of its custom fields."""
    data: Data = {local(child): child.text or "" for child in root if not len(child)}
    for child in root:
        if local(child) == "ExtendedAttributes":
            data["ExtendedAttributes"] = [leaves(definition) for definition in child]
        elif local(child) == "OutlineCodes":
            data["OutlineCodes"] = [_outline_code(definition) for definition in child]
    return data


def _outline_code(definition: Any) -> Data:
    tables = [part for part in definition if local(part) == "Values"]
    return {**leaves(definition), "Values": [leaves(value) for table in tables for value in table]}


def leaves(element: Any) -> dict[str, str]:
    """Members that hold text, the last where several share a name."""
    return {_NAMES[child.tag]: child.text or "" for child in element}


def as_data(element: Any) -> Data:
    """The element as JSON: text as it stands there, a list for what may come several times, nothing left out but
    hours by day."""
    data: Data = {}
    for child in element:
        tag = _NAMES[child.tag]
        if tag in LISTS:
            data.setdefault(tag, []).append(leaves(child))
        elif tag not in SKIPPED:
            value = as_data(child) if len(child) else child.text or ""
            if tag not in data:
                data[tag] = value
            elif type(data[tag]) is list:
                data[tag].append(value)
            else:
                data[tag] = [data[tag], value]
    return data


def local(element: Any) -> str:
    """The name without its namespace: Project writes one, its schema names another, and both are met."""
    return _NAMES[element.tag]


class _Names(dict[str, str]):
    """Tag → local name; a file has few tags and millions of elements."""

    def __missing__(self, tag: str) -> str:
        name = tag.rpartition("}")[2]
        if len(self) < 10_000:
            self[tag] = name
        return name


_NAMES = _Names()


def _checked(root: Any, name: str) -> Any:
    while root.getparent() is not None:
        root = root.getparent()
    if local(root) != "Project" or not (root.tag[0] != "{" or root.tag.startswith(f"{{{NAMESPACE}")):
        raise Refused(
            f"{name} is XML but not Project XML: it begins with <{local(root)[:60]}>",
            hint="In Project: File, Save As, type XML. Exports of other planning tools cannot be read.",
        )
    return root


def _not_well_formed(path: Path, name: str, error: etree.XMLSyntaxError) -> Refused:
    """Raises MemoryError where it was for want of memory, which libxml2 tells the same way."""
    if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
        raise MemoryError from error
    said = str(error.msg or error)
    if any(sign in said for sign in ("Document is empty", "no element found", "Start tag expected")):
        return Refused(f"{name} is not Project XML", detail=said, hint="In Project: File, Save As, type XML.")
    if not _ends_properly(path):
        return _cut_off(name, said)
    return Refused(
        f"{name} is damaged: it is not well-formed XML",
        detail=said[:300],
        hint="Open it in Project and save it again as XML. Nothing was deleted.",
    )


def _cut_off(name: str, detail: str) -> Refused:
    return Refused(
        f"{name} is cut off: its XML ends too early",
        detail=detail,
        hint="It may still be uploading; else save it again. Nothing was deleted.",
    )


def _ends_properly(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        parts = _END.split(_COMMENT.sub(b"", file.read().replace(b"\x00", b"")))
    return len(parts) > 1 and not parts[-1].strip()


_TYPES = {
    "0": "Cost", "1": "Date", "2": "Duration", "3": "Finish", "4": "Flag", "5": "Number", "6": "Start", "7": "Text",
}  # fmt: skip
"""Types of custom fields, by Project's numbers (Microsoft, "PjCustomFieldType")."""


class Definition(NamedTuple):
    """A custom field as the plan defines it."""

    name: str
    """What people call it: its alias, else the field's own name."""
    kind: str
    """`Text`, `Flag`, `Number`, `Cost`, `Date`, `Duration`: the field's name without its number, else its type."""
    values: Mapping[str, str] = {}
    """Of a list to choose from: what each number stands for."""


def definitions(data: Data) -> dict[str, Definition]:
    """Field id → definition. Names that two fields share keep their own field names."""
    found: dict[str, Definition] = {}
    taken: set[str] = set()
    for item in [*data.get("ExtendedAttributes", ()), *data.get("OutlineCodes", ())]:
        field, own = item.get("FieldID") or "", item.get("FieldName") or ""
        name = (item.get("Alias") or own or field).strip()
        if not field:
            continue
        values = _choices(item.get("Values") or ())
        if field in found:  # the list of a field that was defined before
            found[field] = found[field]._replace(values=values)
            continue
        if name.casefold() in taken:
            name = f"{name} ({own or field})"
        taken.add(name.casefold())
        kind = re.sub(r"\d+$", "", own.rpartition(" ")[2])
        if kind not in _TYPES.values():  # in another language
            kind = _TYPES.get(item.get("CFType") or "", kind)
        found[field] = Definition(name, kind, values)
    return found


def _choices(values: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Number → what it stands for, behind what it is below: `North.Quay`."""
    above = {value.get("ValueID") or "": value for value in values}
    found: dict[str, str] = {}
    for number in above:
        words: list[str] = []
        at, seen = number, set[str]()
        while at in above and at not in seen:
            seen.add(at)
            words.append(above[at].get("Value") or "")
            at = above[at].get("ParentValueID") or ""
        found[number] = ".".join(reversed(words))
    return found
