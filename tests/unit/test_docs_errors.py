"""docs/errors.md lists every code, and a code has one meaning."""

from __future__ import annotations

import re

from scripts.error_codes import codes, problems


def test_the_page_of_errors_lists_every_code_in_the_code_base() -> None:
    assert codes.written() == codes.make(), "run: python -m scripts.error_codes --write"


def test_every_code_has_its_form_and_one_meaning() -> None:
    meanings: dict[str, type] = {}
    for kind in sorted(problems(), key=lambda kind: len(kind.__mro__)):
        assert re.fullmatch(r"[A-Z]{3}\d{3}", kind.code), kind
        assert issubclass(kind, meanings.setdefault(kind.code, kind)), f"{kind} takes the code of another"


def test_every_problem_says_what_it_means() -> None:
    assert [kind.__name__ for kind in problems() if not kind.__doc__] == []
