"""Every command is described, and nothing else is."""

from pathlib import Path

import pytest

from portbook.cli import COMMANDS, command_at

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_every_command_has_its_heading_in_the_manual() -> None:
    headings = {
        line.removeprefix("## ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("## ")
    }
    assert headings == {*COMMANDS, "version"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_s_help_begins_with_what_the_list_says_of_it(name: str) -> None:
    """The list is shown without importing any."""
    place, says = COMMANDS[name]
    whole = " ".join(command_at(place).help.split())
    assert says.endswith(".")
    assert whole.startswith(says[:-1]), whole
