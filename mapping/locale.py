"""How a source writes dates and numbers, which its values do not say themselves."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Locale:
    """How a source writes dates and numbers in text, as declared in its configuration."""

    name: str = ""
    zone: ZoneInfo = ZoneInfo("UTC")  # noqa: RUF009 - immutable

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
