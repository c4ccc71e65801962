"""What a person writes under `sources:` for workbooks and text tables, on disk or in a cloud drive."""

from __future__ import annotations

import re
from os.path import normpath
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adapters.address import usable_base_url
from adapters.entra_options import EntraAuth
from adapters.spreadsheet.amounts import checked_units

_LOCALE = re.compile(r"^[a-z]{2,3}(-[A-Z]{2})?$")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Strict):
    """How large a file may be. Checked before and while it is parsed, in a process of its own."""

    file_mb: int = Field(100, ge=1, description="Largest file, in MiB.")
    unpacked_mb: int = Field(300, ge=1, description="Largest sum of a workbook's unpacked parts, in MiB.")
    part_mb: int = Field(150, ge=1, description="Largest single unpacked part of a workbook, in MiB.")
    ratio: int = Field(
        200, ge=2, description="Highest compression ratio of a part; honest sheets reach about 100."
    )
    parts: int = Field(2_000, ge=1, description="Most parts (zip entries) in a workbook.")
    sheets: int = Field(100, ge=1, description="Most sheets in a workbook.")
    rows: int = Field(200_000, ge=1, description="Lowest row that may hold a value.")
    columns: int = Field(500, ge=1, description="Rightmost column that may hold a value.")
    cells: int = Field(5_000_000, ge=1, description="Most cells in a sheet.")
    memory_mb: int = Field(1_024, ge=128, description="Address space of the parsing process, in MiB.")
    cpu_s: int = Field(120, ge=1, description="Processor seconds the parsing process may use per file.")
    wall_s: int = Field(300, ge=1, description="Seconds the parsing process may be silent.")


class SheetOptions(_Strict):
    """One table: where it is, what its rows are, and what makes a row itself."""

    sheet: str = Field("*", description="Sheet name or pattern (`Risks`, `Project *`); case does not count.")
    file: str = Field("*", description="Only in files whose name matches this pattern.")
    into: str = Field(
        pattern=r"^[a-z][a-z_]*[a-z]$",
        description="The entity each row is, singular: `risk`, `cost_line`. Also the name of the stream.",
    )
    key: tuple[str, ...] = Field(
        (),
        description="Column or columns that identify a row for ever, e.g. `Risk ID` or `[Project, Month]`. "
        "Default: an ID column found by its name, else the title (and project).",
    )
    header_row: int | None = Field(
        None, ge=1, description="Row of the column names, when it is not found (1 = first row)."
    )
    orientation: Literal["rows", "columns"] = Field(
        "rows",
        description="`columns` when each record is a column and the names stand in the first column.",
    )
    hidden: Literal["include", "skip"] = Field(
        "include",
        description="Hidden rows, columns and sheets. Filtered-out rows are stored as hidden too, so the "
        "default reads and flags them.",
    )
    fill_merged: bool = Field(True, description="Give every row under a merged cell the merged cell's value.")
    locale: str | None = Field(None, description="Overrides the source's locale for this sheet.")
    scope: Literal["source", "file"] = Field(
        "source", description="Where keys are unique: in the whole source, or only within one file."
    )
    min_rows: int = Field(0, ge=0, description="Refuse the sheet when fewer rows than this are found.")
    optional: bool = Field(False, description="The sheet may be absent from a file.")

    @field_validator("key", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("locale")
    @classmethod
    def _known_form(cls, value: str | None) -> str | None:
        return _checked_locale(value)


class DriveOptions(_Strict):
    """Where in SharePoint or OneDrive the files are: in a site's library, a person's OneDrive, or a drive by its id."""

    site: str | None = Field(
        default=None, description="Address of the site: https://acme.sharepoint.com/sites/pmo."
    )
    library: str | None = Field(
        default=None,
        description="Document library of the site, by name. Default: the site's first, `Documents`.",
    )
    user: str | None = Field(default=None, description="Whose OneDrive, as sign-in name: mia@acme.com.")
    id: str | None = Field(default=None, description="The drive's own id, where neither is at hand.")
    path: Annotated[list[str], Field(min_length=1)] = Field(
        description="Files or patterns in the drive, from its top: `Registers/RAID log.xlsx`, `Registers/*.xlsx`, "
        "`Projects/*/Status.xlsx`."
    )
    graph: str = Field(
        default="https://graph.microsoft.com/v1.0",
        description="Microsoft Graph, for national clouds: https://graph.microsoft.us/v1.0.",
    )

    @field_validator("path", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("site")
    @classmethod
    def _a_site(cls, site: str | None) -> str | None:
        if site is not None and (not urlsplit(site).hostname or urlsplit(site).scheme != "https"):
            raise ValueError("must be the site's address: https://acme.sharepoint.com/sites/pmo")
        return site

    @field_validator("graph")
    @classmethod
    def _usable(cls, graph: str) -> str:
        return usable_base_url(graph)

    @model_validator(mode="after")
    def _one_drive(self) -> DriveOptions:
        if sum(value is not None for value in (self.site, self.user, self.id)) != 1:
            raise ValueError("needs exactly one of `site`, `user` and `id`")
        if self.library is not None and self.site is None:
            raise ValueError("`library` belongs to a `site`")
        return self


class SpreadsheetOptions(_Strict):
    """Workbooks (xlsx, xlsm, xlsb, xls, ods) and text tables (csv, tsv) in folders this machine can read, or in a drive
    of SharePoint or OneDrive."""

    base_dir: Path = Field(
        Path(),
        description="Folder that `files` are relative to: the configuration file's own.",
    )
    files: Annotated[list[str], Field(min_length=1)] = Field(
        default_factory=list,
        description="Files or patterns, e.g. `registers/*.xlsx`. Lock and temporary files are skipped.",
    )
    drive: DriveOptions | None = Field(
        default=None, description="Instead of `files`: where in SharePoint or OneDrive the files are."
    )
    auth: EntraAuth | None = Field(
        default=None,
        description="How we sign in for `drive`: entra_secret, entra_certificate or managed_identity.",
    )
    sheets: list[SheetOptions] = Field(
        default_factory=list,
        description="The tables to read. Default: every sheet whose name is that of a standard PMO workbook "
        "(Projects, Risks, Issues, Milestones, Budget …).",
    )
    locale: str | None = Field(
        None,
        description="How dates and numbers are typed as text, e.g. `en-GB`, `de-DE`, `en-US`: day or month "
        "first, comma or point. Real dates and ISO text need none; without it `03/04/2025` stays empty, "
        "with a finding.",
    )
    units: dict[str, str] = Field(
        default_factory=dict,
        description="Header of a column → in what its amounts are, where the header does not say it or may mean "
        'several things: `{Budget: k€, "Cost (M)": million USD}`.',
    )
    newest_only: bool = Field(
        False,
        description="Each pattern in `files` is one file saved under a new name each time: the newest is "
        "read (by a date in the name, then by modification time).",
    )
    settle_s: float = Field(
        1.0,
        ge=0,
        le=60,
        description="A file modified less than this many seconds ago must stop changing first.",
    )
    limits: Limits = Field(Limits.model_validate({}), description="Sizes beyond which a file is refused.")

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @field_validator("locale")
    @classmethod
    def _known_form(cls, value: str | None) -> str | None:
        return _checked_locale(value)

    @field_validator("units")
    @classmethod
    def _known_units(cls, value: dict[str, str]) -> dict[str, str]:
        return checked_units(value)

    @model_validator(mode="after")
    def _one_origin(self) -> SpreadsheetOptions:
        if not self.files and self.drive is None:
            raise ValueError("`files` is missing (or `drive`, for SharePoint and OneDrive)")
        if self.files and self.drive is not None:
            raise ValueError("`files` and `drive` are two sources: give each a name of its own")
        if self.drive is not None and self.auth is None:
            raise ValueError("`drive` needs `auth`: how we sign in at Microsoft Entra")
        if self.drive is None and self.auth is not None:
            raise ValueError("`auth` is for `drive`: files on disk are read as this account")
        return self

    def reads(self) -> dict[str, frozenset[str] | None]:
        """Which tables of which files; None for all of the standard workbook."""
        tables = frozenset(
            f"sheet {table.sheet.casefold()!r} as {table.into}"
            + (f" in {table.file.casefold()!r}" if table.file != "*" else "")
            for table in self.sheets
        )
        if self.drive is None:
            places = [normpath(self.base_dir / file) for file in self.files]
        else:
            drive = self.drive
            where = drive.id or drive.user or f"{drive.site}/{drive.library or ''}"
            places = [f"{where.rstrip('/')}: {path}" for path in drive.path]
        return {place: tables or frozenset({"the standard sheets"}) for place in places}


def _checked_locale(value: str | None) -> str | None:
    if value is not None and not _LOCALE.match(value):
        raise ValueError(f"{value!r} is not a locale such as en-GB, en-US or de-DE")
    return value
