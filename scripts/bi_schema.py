"""The schema `bi` as SQL, from the catalog: `python -m scripts.bi_schema` [--write, for the migration that makes it].

A migration that is released stays as it is. Where a field was added since, the next migration drops the views it
changes and makes them anew; its script takes the place of the one named here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from register.bi import script

SCRIPT = Path(__file__).parent.parent / "register" / "migrations" / "versions" / "0005_bi.sql"

if __name__ == "__main__":
    if "--write" in sys.argv:
        SCRIPT.write_text(script(), "utf-8")
    else:
        print(script(), end="")
