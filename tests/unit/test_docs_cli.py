"""Every command is described, and nothing else is."""

from pathlib import Path

from portbook.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_every_command_has_its_heading_in_the_manual() -> None:
    commands = {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}
    groups = {str(group.name) for group in app.registered_groups}
    headings = {
        line.removeprefix("## ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("## ")
    }
    assert headings == commands | groups
