"""The gateway against the best that hand-written SQL does through a bare asyncpg loop."""
