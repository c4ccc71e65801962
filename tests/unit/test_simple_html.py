"""The fast way to a text and inscriptis give the same, whatever they are given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inscriptis import get_text

from mapping.richtext import html_text
from mapping.simple_html import simple_text

SIMPLE = (
    "div",
    "p",
    "span",
    "b",
    "i",
    "br",
    "ul",
    "ol",
    "li",
    "h1",
    "blockquote",
    "a",
    "font",
    "code",
    "unknown",
)
OTHER = (
    "table",
    "tr",
    "td",
    "pre",
    "script",
    "style",
    "img",
    "q",
    "title",
    "head",
    "body",
    "html",
    "hr",
    "svg",
)
ATTRIBUTES = (
    "", "", "", ' style="color:red"', ' style="display:none"', ' style="PADDING-LEFT:2em"', ' style="white-space:pre"',
    ' style="margin-top:3em"', ' style="margin:x"', " style", ' value="7"', ' value="²"', ' value="x"', ' align="right"',
)  # fmt: skip
TEXTS = (
    "", " ", "a", "b c", " x ", "\n", "\t\n", "&nbsp;", "&amp;nbsp;", "&amp;#32;", "&#1;", "&amp;#1;", "&lt;b&gt;",
    "<!-- c -->", "<!-- c --> tail", "<?pi x?>", "é\u3000z", "\x1c", "\u2028", "\x85", "- ", "<", ">", "</",
    "<![CDATA[x]]>", "<!DOCTYPE html>",
)  # fmt: skip


@st.composite
def elements(draw: st.DrawFn, inner: st.SearchStrategy[str], tags: tuple[str, ...]) -> str:
    tag, attribute = draw(st.sampled_from(tags)), draw(st.sampled_from(ATTRIBUTES))
    closed = draw(st.sampled_from((f"</{tag}>", f"</{tag}>", "")))
    return f"<{tag}{attribute}>{''.join(draw(st.lists(inner, max_size=4)))}{closed}"


def fragments(tags: tuple[str, ...]) -> st.SearchStrategy[str]:
    texts = st.one_of(st.sampled_from(TEXTS), st.text(max_size=4))
    found = st.recursive(texts, lambda inner: elements(inner, tags), max_leaves=14)
    return st.lists(found, max_size=5).map("".join)


def slow(html: str) -> str | None:
    """As `html_text` was before there was a fast way."""
    lines = (line.rstrip() for line in get_text(html).splitlines())
    return "\n".join(line for line in lines if line).strip() or None


def outcome(read: Callable[[str], str | None], html: str) -> object:
    try:
        return read(html)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("tags", [SIMPLE, SIMPLE + OTHER], ids=["simple", "any"])
def test_any_html_gives_the_text_that_inscriptis_gives(tags: tuple[str, ...]) -> None:
    @settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(fragments(tags))
    def same(html: str) -> None:
        assert outcome(html_text, html) == outcome(slow, html)

    same()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (
            "<div>The  card\n is <b>declined</b>.<br>Retry&nbsp;once.</div>",
            "The card is declined.\n  Retry once.",
        ),
        ('<p style="color:red">One</p> <p>Two <span>and</span> a half</p>', "One\nTwo and a half"),
        ("<ul><li>a<ul><li>b</li></ul></li><li></li></ul>", "* a\n      + b\n  *"),
        ("<ol><li>a</li><li value=7>b</li><li>c</li></ol>", "1. a\n 7. b\n 8. c"),
        ("plain &lt;text&gt;", "plain <text>"),
        (" ", None),
    ],
)
def test_what_people_mostly_write_takes_the_fast_way(html: str, text: str | None) -> None:
    assert simple_text(html) is not None
    assert html_text(html) == slow(html) == text


@pytest.mark.parametrize(
    "html",
    [
        "<table><tr><td>a</td></tr></table>",
        "a<pre>  b\n  c</pre>",
        "a<div style='display:none'>b</div>",
        "a<!-- b -->c",
        "<style>b</style>a",
        '<?xml version="1.0"?><p>a</p>',
    ],
)
def test_what_only_inscriptis_can_lay_out_is_left_to_it(html: str) -> None:
    assert simple_text(html) is None
    assert html_text(html) == slow(html)
