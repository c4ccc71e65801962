"""How fast a source is synced, beside a plain loop and a tuned limit. See docs/performance.md."""
