"""The pages lead somewhere: every link of README and docs, every package in the code map, every word once."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {
                re.sub(r"[^\w\- ]", "", h).strip().lower().replace(" ", "-") for h in headings
            }, target


def test_the_code_map_has_a_paragraph_for_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    found = re.findall(r"^### (\S+)$", page, re.MULTILINE)
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in ("portbook", "gateway", "adapters", "mapping", "register", "workers")
        for path in (ROOT / top).rglob("*.py")
    }
    wanted = {name for name in packages if not name.endswith(".versions")}
    assert wanted - set(found) == set()
    assert set(found) - wanted == {"tests"}


def test_every_module_is_named_in_the_code_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    missing = []
    for heading, text in re.findall(r"^### (\S+)$\n(.*?)(?=^### |\Z)", page, re.MULTILINE | re.DOTALL):
        if heading in ("tests", "register.migrations"):
            continue
        for path in sorted((ROOT / heading.replace(".", "/")).glob("*.py")):
            if path.stem not in ("__init__", "__main__", "errors") and f"`{path.stem}`" not in text:
                missing.append(f"{heading}.{path.stem}")
    assert missing == []


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    words = [word.casefold() for word in re.findall(r"^\*\*([^*]+)\*\*:", page, re.MULTILINE)]
    assert [(a, b) for a, b in pairwise(words) if a >= b] == []


WORDS = """
    adapter claim conflict cursor event finding lease link mapping page partition policy presence record register
    rejection row run source stream sweep
"""


@pytest.mark.parametrize("word", WORDS.split())
def test_the_glossary_explains_the_words_that_everything_is_told_in(word: str) -> None:
    page = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    assert f"\n**{word.capitalize()}**:" in page


def test_every_yaml_of_the_readme_is_yaml() -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        assert YAML(typ="safe").load(block)
