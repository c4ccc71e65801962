"""Whole lists, as files: every row, streamed, in memory that does not grow with them.

columns    Level → flat columns and their SQL
formats    the formats there are
copying    csv, ndjson: PostgreSQL writes them, we pass them on
sheets     xlsx, parquet: written from batches of rows
"""

from register.export.columns import Export, compile_export
from register.export.copying import copy_out
from register.export.formats import FORMATS, ExportFailed, ExportWaits, Format, FormatMissing
from register.export.sheets import write_file

__all__ = [
    "FORMATS",
    "Export",
    "ExportFailed",
    "ExportWaits",
    "Format",
    "FormatMissing",
    "compile_export",
    "copy_out",
    "write_file",
]
