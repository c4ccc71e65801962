"""The text of HTML as people mostly write it, laid out as inscriptis does, several times as fast.

inscriptis weighs styles and margins for every element and collapses blanks letter by letter. Of that only indentation
and bullets show in our text, whose empty lines are dropped. Tables, preformatted text and styles that move text are
left to inscriptis; `tests/unit/test_simple_html.py` holds both against each other.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any, NamedTuple

from inscriptis.css_profiles import RELAXED_CSS_PROFILE
from inscriptis.html_properties import Display, WhiteSpace
from inscriptis.model.canvas.prefix import Prefix
from inscriptis.model.tag.list_tag import UL_COUNTER
from lxml.etree import ParserError
from lxml.html import document_fromstring


class _Look(NamedTuple):
    """How an element is shown."""

    block: bool = False
    padding: int = 0
    before: str = ""
    after: str = ""


_INLINE = _Look()
_LOOKS = {
    tag: _Look(look.display is Display.block, look.padding_inline, look.prefix, look.suffix)
    for tag, look in RELAXED_CSS_PROFILE.items()
    if look.display is not Display.none and look.whitespace is WhiteSpace.normal
}
_NOT_SIMPLE = {"table", *RELAXED_CSS_PROFILE} - _LOOKS.keys() - {"head"}
_MOVES_TEXT = re.compile("display|white-space|padding", re.IGNORECASE)


class _NotSimple(Exception):
    """The fragment holds what only inscriptis lays out."""


def simple_text(html: str) -> str | None:
    """What `inscriptis.get_text` gives, but for empty lines; None when it has to be asked itself."""
    html = html.strip()
    if not html:
        return ""
    if html.startswith("<?xml "):
        return None
    page = _Page()
    try:
        page.show(document_fromstring(html), _INLINE)
    except (ParserError, _NotSimple):
        return None
    page.end_line()
    return "\n".join(page.lines)


class _Page:
    """The lines so far, and the one that is being written."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._line = ""
        self._blank = True
        """Whether a blank that comes next is dropped: at the start of a line and after another one."""
        self._prefix = Prefix()
        self._bullets: list[str | int] = []
        """Of each open list: its bullet, or the number of its next item."""

    def show(self, node: Any, around: _Look) -> None:
        """Write an element, and the text that follows it in the element around it."""
        tag, style = node.tag, node.get("style") if isinstance(node.tag, str) else None
        # A comment or processing instruction has no tag; a head is always there, and seldom anything in it.
        if not isinstance(tag, str) or tag in _NOT_SIMPLE or (tag == "head" and len(node)):
            raise _NotSimple
        if style is not None and _MOVES_TEXT.search(style):
            raise _NotSimple
        look = _LOOKS.get(tag, _INLINE)
        bullet = ""
        if look.block:
            if tag == "li":
                bullet = self._next_bullet(node)
            elif tag == "ul":
                self._bullets.append(UL_COUNTER[len(self._bullets) % len(UL_COUNTER)])
            elif tag == "ol":
                self._bullets.append(1)
            self._end_block(bullet)
            self._prefix.register_prefix(look.padding, bullet)
        elif tag == "br" and not self.end_line():
            self._new_line()
        if node.text:
            self._write(look, node.text)
        for child in node:
            self.show(child, look)
        if look.block:
            if tag in ("ul", "ol"):
                self._bullets.pop()
            self._end_block(bullet)
            self._prefix.remove_last_prefix()
        if node.tail:
            self._write(around, node.tail)

    def end_line(self) -> bool:
        """Whether there was anything on it."""
        if self._blank and self._line.endswith(" "):
            self._line = self._line[:-1]
        if not self._line:
            return False
        self.lines.append(self._line)
        self._new_line()
        return True

    def _new_line(self) -> None:
        self._line, self._blank, self._prefix.consumed = "", True, False

    def _end_block(self, bullet: str) -> None:
        if not self.end_line() and bullet and (alone := self._prefix.unconsumed_bullet):
            self.lines.append(alone)
            self._new_line()

    def _next_bullet(self, item: Any) -> str:
        bullet = self._bullets[-1] if self._bullets else UL_COUNTER[0]
        if isinstance(bullet, str):
            return bullet
        if (given := item.get("value", "")).isdigit():
            bullet = int(given)
        self._bullets[-1] = bullet + 1
        return f"{bullet}. "

    def _write(self, look: _Look, text: str) -> None:
        text = f"{look.before}{text}{look.after}"
        words = " ".join(text.split())
        if words:
            front = "" if self._blank or not text[0].isspace() else " "
            self._blank = text[-1].isspace()
            words = f"{front}{words} " if self._blank else front + words
        elif self._blank:
            return
        else:
            self._blank, words = True, " "
        # inscriptis, too, takes `&amp;nbsp;`, which was meant as written, for a blank.
        self._line += unescape(words if self._line else self._prefix.first + words)
