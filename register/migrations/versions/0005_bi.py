"""The schema `bi`: the register as a star, and the roles that may read it."""

from pathlib import Path

from register.migrations import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """A table of roles, and views over what is there."""
    for name in ("0005_bi_login.sql", "0005_bi.sql"):
        run_script((Path(__file__).parent / name).read_text("utf-8"))
