"""Rich text to plain text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from inscriptis import get_text

from mapping.simple_html import simple_text

_MAX_DEPTH = 60
_BLOCKS = {
    "paragraph",
    "heading",
    "blockquote",
    "codeBlock",
    "panel",
    "rule",
    "tableRow",
    "mediaSingle",
    "expand",
}
_ATTRIBUTE = {
    "mention": "text",
    "emoji": "shortName",
    "inlineCard": "url",
    "blockCard": "url",
    "status": "text",
}


def adf_text(value: Any) -> str | None:
    """The text of an Atlassian document; plain text (wiki markup, Data Center) passes as it is.

    A node never seen before gives the text of what it contains. Deeper than 60 levels, the rest is left away.
    Source: the Atlassian Document Format's node list.
    """
    if isinstance(value, str):
        return value.strip() or None
    if not isinstance(value, dict):
        raise ValueError("neither text nor a document")
    parts: list[str] = []
    _adf(value, parts, 0)
    lines = [line.rstrip() for line in "".join(parts).splitlines()]
    return "\n".join(lines).strip() or None


def _adf(node: dict[str, Any], parts: list[str], depth: int) -> None:
    kind = node.get("type")
    if not isinstance(kind, str):
        kind = ""
    if kind == "text":
        written = node.get("text")
        parts.append(written if isinstance(written, str) else "")
        return
    if kind == "paragraph":
        pass  # the usual node: nothing stands in front of its text
    elif kind == "hardBreak":
        parts.append("\n")
    elif kind == "listItem":
        parts.append("- ")
    elif kind in ("tableCell", "tableHeader") and parts and not parts[-1].endswith("\n"):
        parts.append(" | ")
    elif kind in _ATTRIBUTE or kind == "date" or kind.startswith("media"):
        parts.append(_attribute(kind, node.get("attrs")))
    content = node.get("content")
    if isinstance(content, list) and depth < _MAX_DEPTH:
        for child in content:
            if type(child) is not dict:
                continue
            written = child.get("text") if child.get("type") == "text" else None
            if type(written) is str:
                parts.append(written)  # most nodes are text: no call for each
            else:
                _adf(child, parts, depth + 1)
    if kind in _BLOCKS and parts and not parts[-1].endswith("\n"):
        parts.append("\n")


def _attribute(kind: str, attrs: Any) -> str:
    if not isinstance(attrs, dict):
        return ""
    if kind == "date":
        try:
            return datetime.fromtimestamp(int(attrs.get("timestamp", "")) / 1000, UTC).date().isoformat()
        except (ValueError, TypeError, OverflowError, OSError):
            return ""
    if kind.startswith("media"):
        return f"[{attrs['alt']}]" if isinstance(attrs.get("alt"), str) else ""
    written = attrs.get(_ATTRIBUTE[kind])
    return written if isinstance(written, str) else ""


def html_text(value: Any) -> str | None:
    """The text of an HTML fragment; scripts and styles are left away."""
    if not isinstance(value, str):
        raise ValueError("not HTML text")
    text = simple_text(value)
    lines = (line.rstrip() for line in (get_text(value) if text is None else text).splitlines())
    return "\n".join(line for line in lines if line).strip() or None
