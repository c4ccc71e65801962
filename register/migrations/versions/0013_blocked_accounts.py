"""Accounts that are shut out although their tokens are good."""

from pathlib import Path

from register.migrations import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """A table; and a run says that it used several mappings by naming none."""
    run_script((Path(__file__).parent / "0013_blocked_accounts.sql").read_text("utf-8"))
