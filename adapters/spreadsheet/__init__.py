"""Workbooks and text tables on disk: xlsx, xlsm, xlsb, xls, ods, csv."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.spreadsheet.adapter import SpreadsheetAdapter
    from adapters.spreadsheet.options import SheetOptions, SpreadsheetOptions

__all__ = ["SheetOptions", "SpreadsheetAdapter", "SpreadsheetOptions"]


def __getattr__(name: str) -> Any:
    # Late, because the reading process passes through here too and must start fast and small.
    if name == "SpreadsheetAdapter":
        from adapters.spreadsheet.adapter import SpreadsheetAdapter

        return SpreadsheetAdapter
    if name in ("SpreadsheetOptions", "SheetOptions"):
        from adapters.spreadsheet import options

        return getattr(options, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
