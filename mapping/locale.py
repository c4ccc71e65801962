"""How a source writes dates and numbers, which its values do not say themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Locale:
    """How a source writes dates and numbers in text, as declared in its configuration."""

    name: str = ""
    zone: ZoneInfo = ZoneInfo("UTC")  # noqa: RUF009 - immutable
    date1904: bool = False
    """Whether days are counted from 1904, as in workbooks that began on a Mac."""

    @property
    def day_first(self) -> bool | None:
        """Whether 03/06 is the third of June; None where nothing was declared."""
        if not self.name:
            return None
        return not self.name.endswith("-US") and self.name != "en"

    @property
    def year_first(self) -> bool:
        return self.name[:2] in {"zh", "ja", "ko", "hu", "lt", "sv"}

    @property
    def decimal_comma(self) -> bool:
        return self.name[:2] in {
            *(
                "de",
                "fr",
                "es",
                "it",
                "nl",
                "pt",
                "pl",
                "cs",
                "sk",
                "da",
                "nb",
                "nn",
                "no",
                "sv",
                "fi",
                "ru",
                "uk",
            ),
            *("tr", "hu", "ro", "bg", "hr", "sl", "el", "lt", "lv", "et", "id", "vi"),
        } and self.name not in {"de-CH", "it-CH", "es-MX", "en"}


def own_locale(data: Any, usual: Locale) -> Locale:
    """The locale of a record, given the usual one of its source. A sheet may be written in another than its
    neighbours, and a workbook may count days from 1904; the adapter then says so in the record."""
    extra = data.get("portbook") if type(data) is dict else None
    if type(extra) is not dict:
        return usual
    name, date1904 = extra.get("locale") or usual.name, extra.get("date1904") is True
    if name == usual.name and date1904 is usual.date1904:
        return usual
    return replace(usual, name=name, date1904=date1904)
