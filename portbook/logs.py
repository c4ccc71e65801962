"""Logs, on standard error; results go to standard output."""

from __future__ import annotations

import logging
import os
import sys

import asyncpg
import structlog
from structlog.typing import EventDict, WrappedLogger


def plain_error(error: BaseException) -> str:
    """An error in one line, without the DETAIL in which PostgreSQL quotes rows."""
    if isinstance(error, asyncpg.PostgresError):
        return f"{type(error).__name__} ({error.sqlstate}): {error.args[0] if error.args else ''}"
    return f"{type(error).__name__}: {error}"


def without_detail(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Take DETAIL out of a logged error and of everything that led to it: logs are read by more people than the
    register is. A structlog processor; to stand before whatever renders tracebacks."""
    found = event.get("exc_info")
    if found is True:
        found = sys.exc_info()
    error = found[1] if isinstance(found, tuple) else found
    waiting = [error] if isinstance(error, BaseException) else []
    met: set[int] = set()
    while waiting:
        each = waiting.pop()
        if id(each) in met:
            continue
        met.add(id(each))
        if isinstance(each, asyncpg.PostgresError):
            each.detail = None
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
        waiting += [cause for cause in (each.__cause__, each.__context__) if cause is not None]
    return event


class DatabaseAway(logging.Filter):
    """What asyncpg's pools say while they cannot connect, of which each says the same again and again with thirty lines
    of traceback: one line for people, once a minute."""

    AGAIN_S = 60.0

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return True
        text = f"the register's database does not answer: {plain_error(error)}"
        if record.created < self._said.get(text, 0) + self.AGAIN_S:
            return False
        lately = {said: at for said, at in self._said.items() if record.created < at + self.AGAIN_S}
        self._said = {**lately, text: record.created}
        record.msg, record.args, record.exc_info, record.exc_text = text, (), None, None
        return True


def set_up_logs(default: str) -> None:
    """Log from `default` upwards, unless $PORTBOOK_LOG says otherwise: coloured on a terminal, JSON lines elsewhere."""
    level = logging.getLevelNamesMapping().get(
        os.environ.get("PORTBOOK_LOG", default).upper(), logging.WARNING
    )
    people = sys.stderr.isatty()
    # Plain tracebacks: rich ones print local variables, and with them tokens.
    rendered: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if people
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            without_detail,
            *rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # httpx tells the whole address of each request, httpcore the headers of each answer: the address of a file in a
    # drive lets anybody in who has it.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    pools = logging.getLogger("asyncpg.pool")
    pools.filters = [DatabaseAway()]
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True
    )
