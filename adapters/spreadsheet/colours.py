"""Traffic-light words for fill colours, judged by hue: people pick reds by eye."""

from __future__ import annotations

import colorsys
from typing import NamedTuple


class Palette(NamedTuple):
    """A fill colour as the styles part spells it."""

    rgb: str | None
    theme: str | None
    indexed: str | None
    tint: str | None


# The first 64 palette entries hold the standard colours twice; only the pure ones are told apart here.
_INDEXED = {
    "2": "FF0000", "3": "00FF00", "5": "FFFF00", "10": "FF0000", "11": "00FF00", "13": "FFFF00",
    "17": "008000", "42": "CCFFCC", "43": "FFFF99", "50": "99CC00", "51": "FFCC00", "52": "FF9900",
    "53": "FF6600",
}  # fmt: skip


def colour_word(fill: Palette) -> str | None:
    """`red`, `amber` or `green` for a clear traffic-light colour; None for white, grey, blue and theme
    colours (what a theme colour looks like depends on a part that people restyle)."""
    code = fill.rgb or _INDEXED.get(fill.indexed or "", "")
    if len(code) not in (6, 8):
        return None
    try:
        red, green, blue = (int(code[-6:][at : at + 2], 16) / 255 for at in (0, 2, 4))
    except ValueError:
        return None
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    degrees = hue * 360
    if saturation < 0.35 or not 0.1 < lightness < 0.93:
        return None
    if degrees < 18 or degrees > 340:
        return "red"
    if degrees < 66:
        return "amber"
    return "green" if 75 < degrees < 165 else None
