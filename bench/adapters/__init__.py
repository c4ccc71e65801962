"""How fast each kind of source is read, beside a bare loop over the same fake. See docs/performance.md."""
