"""The formats of an export, and what can be wrong with one."""

from __future__ import annotations

from dataclasses import dataclass

from register.errors import QueryInvalid, RegisterError


class FormatMissing(QueryInvalid):
    """The format is unknown, or needs a library that is not installed."""

    code = "QRY008"


class ExportFailed(RegisterError):
    """The export could not be finished."""

    code = "REG011"


class ExportWaits(ExportFailed):
    """Others have files written, as many as fit."""

    code = "REG012"


@dataclass(frozen=True, slots=True)
class Format:
    """How a list leaves: by PostgreSQL's COPY, or as a file that is written first."""

    name: str
    media_type: str
    copied: bool

    @property
    def content_type(self) -> str:
        """As an HTTP header says it."""
        return f"{self.media_type}; charset=utf-8" if self.media_type.startswith("text/") else self.media_type


FORMATS = {
    found.name: found
    for found in (
        Format("csv", "text/csv", True),
        Format("ndjson", "application/x-ndjson", True),
        Format("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", False),
        Format("parquet", "application/vnd.apache.parquet", False),
    )
}
