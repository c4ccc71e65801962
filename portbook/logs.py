"""Logs, on standard error; results go to standard output."""

from __future__ import annotations

import logging
import os
import sys

import structlog


def set_up_logs(default: str) -> None:
    """Log from `default` upwards, unless $PORTBOOK_LOG says otherwise: coloured on a terminal, JSON lines elsewhere."""
    level = logging.getLevelNamesMapping().get(
        os.environ.get("PORTBOOK_LOG", default).upper(), logging.WARNING
    )
    people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if people else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True
    )
