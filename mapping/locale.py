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
        """Whether 03/06 is the third of June; None where nothing was declared, or where both are usual."""
        if not self.name or self.name in _BOTH_ORDERS:
            return None
        return self.name not in _MONTH_FIRST

    @property
    def year_first(self) -> bool:
        return self.name[:2] in {"zh", "ja", "ko", "hu", "lt", "sv"}

    @property
    def decimal_comma(self) -> bool:
        """Whether 1,234 is a little more than one."""
        if self.name in _COMMA_THERE:
            return True
        return self.name.partition("-")[0] in _COMMA and self.name not in _POINT_THERE


def _several(names: str) -> frozenset[str]:
    return frozenset(names.split())


# As CLDR has it. A language decides unless the region differs: in Mexico and Zurich a point parts the decimals.
_COMMA = _several(
    "af az be bg bs ca cs da de el es et eu fi fo fr gl hr hu hy id is it ka kk kl ky lb lt lv mk nb nl nn no pl pt ro "
    "ru sk sl sq sr sv tg tk tr uk uz vi"
)
_POINT_THERE = _several(
    "de-CH de-LI it-CH fr-RW es-BR es-BZ es-CU es-DO es-GT es-HN es-MX es-NI es-PA es-PE es-PR es-SV es-US"
)
_COMMA_THERE = _several(
    "en-AT en-BE en-CZ en-DE en-DK en-EE en-ES en-FI en-FR en-HU en-ID en-IT en-LT en-LV en-NL en-NO en-PL en-PT en-RO "
    "en-SE en-SI en-SK en-UA en-ZA ar-DZ ar-LB ar-LY ar-MA ar-MR ar-TN ms-BN ms-ID sw-CD"
)
_MONTH_FIRST = _several("en en-US en-AS en-GU en-MH en-MP en-PH en-PR en-UM en-VI es-PA es-PR fil fil-PH")
_BOTH_ORDERS = _several("en-CA es-US")
"""CLDR has one order, and many there write the other."""


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
