"""`python -m bench`: every bench in turn, as `make bench` does."""

from __future__ import annotations

import subprocess
import sys

BENCHES = ("sync", "adapters", "hooks", "webhooks", "query", "past", "identity", "remap")


def main() -> int:
    worst = 0
    for name in BENCHES:
        print(f"\n== bench.{name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", f"bench.{name}"], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
