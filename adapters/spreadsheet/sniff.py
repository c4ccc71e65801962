"""What a file is, told by its content: a name ending in .xlsx proves nothing."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

from adapters.spreadsheet.grid import Refused

Format = Literal["xlsx", "xlsb", "xls", "ods", "text"]

_OLE = bytes.fromhex("D0CF11E0A1B11AE1")
_SAVE_AS = "Open it in Excel or LibreOffice and save it as .xlsx."
_KNOWN_BINARY = {
    b"%PDF": ("a PDF", "Ask for the workbook itself."),
    b"\x89PNG": ("a picture", "Ask for the workbook itself."),
    b"\xff\xd8\xff": ("a picture", "Ask for the workbook itself."),
    b"{\\rtf": ("a rich-text document", "Ask for the workbook itself."),
    b"\x1f\x8b": ("a gzip archive", "Unpack it first."),
    b"7z\xbc\xaf": ("a 7-Zip archive", "Unpack it first."),
    b"Rar!": ("a RAR archive", "Unpack it first."),
    b"SQLite format 3": ("an SQLite database", "Export the table as .csv."),
}


def sniff(path: Path, name: str) -> Format:
    """The format `path` really has. Raises Refused for what cannot be read, saying what it is and what to
    do."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise Refused(f"{name} is empty (0 bytes)", hint="It may still be uploading; else restore it.")
    if head.startswith(b"PK"):
        return _zip_format(path, name)
    if head.startswith(_OLE):
        return _ole_format(path, name)
    for magic, (what, hint) in _KNOWN_BINARY.items():
        if head.startswith(magic):
            raise Refused(f"{name} is not a spreadsheet but {what}", hint=hint)
    return _text_format(head, name)


def _zip_format(path: Path, name: str) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = set(archive.namelist())
            if "mimetype" in parts:
                return _open_document(archive, name)
            if "[Content_Types].xml" not in parts:
                raise Refused(
                    f"{name} is a zip archive, not a spreadsheet",
                    hint="Unpack it and list the workbooks inside under `files:`.",
                )
            if any(part.startswith("word/") for part in parts):
                raise Refused(f"{name} is a Word document, not a spreadsheet", hint=_SAVE_AS)
            if any(part.startswith("ppt/") for part in parts):
                raise Refused(f"{name} is a PowerPoint file, not a spreadsheet", hint=_SAVE_AS)
            return "xlsb" if "xl/workbook.bin" in parts else "xlsx"
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise Refused(
            f"{name} is damaged: it begins like a workbook but cannot be unpacked",
            detail=str(error),
            hint="It may have been cut off while copying. Open it in Excel, let it repair, save it again.",
        ) from error


def _open_document(archive: zipfile.ZipFile, name: str) -> Format:
    with archive.open("mimetype") as part:
        kind = part.read(200).decode("ascii", "replace").strip()
    if not kind.startswith("application/vnd.oasis.opendocument.spreadsheet"):
        raise Refused(f"{name} is not a spreadsheet but {kind or 'an unknown document'}", hint=_SAVE_AS)
    if "META-INF/manifest.xml" in archive.namelist():
        with archive.open("META-INF/manifest.xml") as part:
            if b"encryption-data" in part.read(1 << 20):
                raise _encrypted(name)
    return "ods"


def _ole_format(path: Path, name: str) -> Format:
    # The directory of an OLE file names its streams in UTF-16; it may stand anywhere in the file.
    with path.open("rb") as file:
        content = file.read(64 << 20)
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise _encrypted(name)
    if any(stream.encode("utf-16-le") in content for stream in ("Workbook", "Book")):
        return "xls"
    raise Refused(f"{name} is an old Office document or mail, not a spreadsheet", hint=_SAVE_AS)


def _encrypted(name: str) -> Refused:
    return Refused(
        f"{name} is protected by a password or a sensitivity label and cannot be opened",
        hint="Save a copy without the password (File > Info > Protect Workbook) where Portbook reads.",
    )


def _text_format(head: bytes, name: str) -> Format:
    start = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n").casefold()
    if "urn:schemas-microsoft-com:office:spreadsheet" in start:
        raise Refused(f"{name} is an XML export (SpreadsheetML 2003), not a workbook", hint=_SAVE_AS)
    if start.startswith(("<!doctype html", "<html", "<head", "<table", "<meta")) or "<html" in start[:1000]:
        raise Refused(
            f"{name} is a web page (HTML), not a spreadsheet",
            hint="Many tools export HTML under an .xls name, and an expired login saves the login page. "
            "Open it in Excel, check that it holds the table, and save it as .xlsx.",
        )
    if start.startswith("<?xml"):
        raise Refused(f"{name} is an XML file, not a spreadsheet", hint=_SAVE_AS)
    if start.startswith(("{", "[{")):
        raise Refused(f"{name} is JSON, not a spreadsheet", hint="Export the table as .xlsx or .csv.")
    if not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        # UTF-16 without a mark has a zero in every other byte; anything else with many controls is binary.
        zeros = max(head[0::2].count(0), head[1::2].count(0)) / max(1, len(head) // 2)
        controls = sum(byte < 9 or 14 <= byte < 32 for byte in head) / len(head)
        if controls > 0.1 and zeros < 0.7:
            raise Refused(f"{name} is not a spreadsheet but binary data of an unknown kind", hint=_SAVE_AS)
    return "text"
