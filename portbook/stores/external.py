"""Stores that somebody else runs: are they there, do they let us in, are they new enough?"""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from portbook.stores.errors import StoreRefused, StoreUnavailable, StoreVersion

OLDEST_POSTGRES = 15
_TIMEOUT_S = 10


def plain_postgres_url(url: str) -> str:
    """The URL as asyncpg wants it: `postgresql+asyncpg://` and `postgres://` are accepted too."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)


def check_postgres(url: str) -> str:
    """The URL in its plain form, once a server behind it has let us in. Never shows a password."""
    if not re.match(r"^postgres(ql)?(\+asyncpg)?://", url):
        raise StoreRefused(
            "register.database is not a PostgreSQL URL",
            hint="Write `embedded`, or postgresql://user@host:5432/portbook, best as {env: DATABASE_URL}.",
        )
    url = plain_postgres_url(url)
    version = int(ask_postgres(url, "SHOW server_version_num"))
    if version // 10000 < OLDEST_POSTGRES:
        raise StoreVersion(
            f"PostgreSQL {version // 10000} is too old",
            detail=_where(url),
            hint=f"Portbook needs PostgreSQL {OLDEST_POSTGRES} or newer.",
        )
    return url


def ask_postgres(url: str, sql: str, *args: object) -> Any:
    """The first value of the first row, on a connection of its own. Safe to call where an event loop runs."""
    where = _where(url)
    try:
        return _in_thread(url, sql, args)
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise StoreRefused(
            f"PostgreSQL refused the login: {error}",
            detail=where,
            hint="Check user and password in register.database, and the server's pg_hba.conf.",
        ) from None
    except asyncpg.InvalidCatalogNameError as error:
        raise StoreRefused(
            f"PostgreSQL answers, but {error}",
            detail=where,
            hint="Create it (`createdb`), or name another one in register.database.",
        ) from None
    except (TimeoutError, OSError) as error:
        raise StoreUnavailable(
            f"PostgreSQL cannot be reached: {error or 'no answer in time'}",
            detail=where,
            hint="Check host and port in register.database, and that the server runs.",
        ) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise StoreUnavailable(
            f"PostgreSQL cannot be used: {type(error).__name__}" + _reason(error, url),
            detail=where,
            hint="Check register.database.",
        ) from None


def check_redis(url: str) -> str:
    """The URL itself, once a server behind it has let us in. Never shows a password."""
    import redis  # the embedded store is started without it

    where = _where(url)
    if urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
        raise StoreRefused(
            "register.redis is not a Redis URL",
            hint="Write `embedded`, redis://host:6379/0, rediss://… or unix:///path; best {env: REDIS_URL}.",
        )
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S)
        try:
            client.ping()
        finally:
            client.close()
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise StoreRefused(
            f"Redis refused the login: {error}",
            detail=where,
            hint="Check user and password in register.redis.",
        ) from None
    except redis.RedisError as error:
        if "NOAUTH" in str(error) or "Authentication" in str(error):
            raise StoreRefused(
                "Redis asks for a password", detail=where, hint="Put it into the URL, as {env: REDIS_URL}."
            ) from None
        raise StoreUnavailable(
            f"Redis cannot be reached{_reason(error, url)}",
            detail=where,
            hint="Check host and port in register.redis, and that the server runs.",
        ) from None
    except (ValueError, OSError) as error:
        raise StoreUnavailable(
            f"Redis cannot be used{_reason(error, url)}", detail=where, hint="Check register.redis."
        ) from None
    return url


def _in_thread(url: str, sql: str, args: tuple[object, ...]) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(url, timeout=_TIMEOUT_S)
        try:
            return await connection.fetchval(sql, *args) if args else await _plain(connection, sql)
        finally:
            await connection.close()

    answer: list[Any] = []

    def work() -> None:
        try:
            answer.append(asyncio.run(ask()))
        except BaseException as error:  # noqa: BLE001 - handed to the caller, who raises it
            answer.append(error)

    thread = threading.Thread(target=work, name="portbook-store-check")
    thread.start()
    thread.join()
    if isinstance(answer[0], BaseException):
        raise answer[0]
    return answer[0]


async def _plain(connection: Any, sql: str) -> Any:
    if sql.startswith(("SELECT", "SHOW")):
        return await connection.fetchval(sql)
    return await connection.execute(sql)


def _where(url: str) -> str:
    """Host, port and database: what may be shown of a URL."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unreadable URL"
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _reason(error: Exception, url: str) -> str:
    """The error's text unless it repeats the URL's password."""
    text = str(error)
    secret = urlsplit(url).password if "@" in url else None
    return "" if not text or (secret and secret in text) else f": {text}"
