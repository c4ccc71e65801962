"""Views of the schema `bi` as SQL, from the catalog, for a migration: `python -m scripts.bi_schema [VIEW…]`.

A migration that is released stays as it is: where a view is to become another, the next migration replaces it by what
this prints. A column that goes or moves needs the view to be dropped first, and its grants given again. Without names
it prints the whole schema. A test holds what the migrations made against it.
"""

from __future__ import annotations

import sys

from register.bi import script, views

if __name__ == "__main__":
    asked = sys.argv[1:]
    print("\n".join(view.sql() for view in views() if view.name in asked) if asked else script(), end="")
