"""Past claims in place, as claims are."""

from pathlib import Path

from register.migrations import run_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """New ones; those that are there stay where they are."""
    run_script((Path(__file__).parent / "0011_claims_in_place.sql").read_text("utf-8"))
