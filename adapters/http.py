"""The one place that speaks HTTP to a tool: time limits, patience, pace, and secrets that stay inside.

Every answer is either the JSON that was asked for or a SourceError. Redirects are never followed: credentials
must not travel to an address nobody configured. Links inside payloads are never followed either; callers
build every URL from the configured base.
"""

from __future__ import annotations

import asyncio
import random
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
import orjson
from aiolimiter import AsyncLimiter
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
)

from adapters.address import is_loopback
from adapters.answers import Answer, http_date, retry_after
from adapters.errors import SignInRefused, SourceError, SourceMisbehaved, SourceRefused, SourceUnavailable

T = TypeVar("T")

_LASTING = frozenset({501, 505})
"""Errors of a server, or of a proxy in front of it, that do not pass by themselves. All others may: 509 of Graph's
limits, 52x of Cloudflare."""
_CLOCK_OFF = timedelta(days=366)
"""A clock that is further off is no clock but a header gone wrong: cursors would lie beyond every change."""
_SPENT = httpx.ByteStream(b"")
_WHOLE = 10
"""How many times as long as for a sign of life a whole answer may take: one whose body drips would never end."""


class Credentials(Protocol):
    """How requests are signed. Secrets leave it only as headers."""

    asks: bool
    """Whether renewing costs a request: then it is not tried again for every right that is missing."""

    async def ready(self) -> None:
        """Called before a request is signed: what has to be fetched first, such as a token, is fetched here. Raises
        a SourceError when it cannot be had; after SourceUnavailable it is asked again."""
        ...

    def headers(self) -> Mapping[str, str]: ...

    def secrets(self) -> Collection[str]:
        """What must be blotted out of every text that leaves this module."""
        ...

    async def renew(self) -> bool:
        """Called after a 401. True when the headers are now others than those that were refused."""
        ...


class Patience(NamedTuple):
    """How long a busy or limping tool is waited for. `Patience(base=0, cap=0)` makes tests instant."""

    attempts: int = 4
    base: float = 2.0
    cap: float = 30.0
    longest: float = 120.0
    """A wait asked for beyond this many seconds ends the read instead: the scheduler can wait more
    cheaply."""


class _Again(Exception):
    def __init__(self, problem: SourceError, wait: float | None = None) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.wait = wait


def _unsendable(values: Iterable[str]) -> str:
    """What no header can carry, in words that tell nothing of the secret; empty where all can be sent."""
    for value in values:
        if "\n" in value or "\r" in value:
            return "a line break"
        if value != value.strip():
            return "a blank at its end"
        if not (value.isascii() and value.isprintable()):
            return "a character that is no plain letter, digit or sign (a typographic dash or quote?)"
    return ""


class Http:
    """A connection to one tool. Used as an async context manager; safe for concurrent requests."""

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        *,
        concurrency: int = 4,
        per_second: float = 50.0,
        headers: Mapping[str, str] | None = None,
        hints: Mapping[int, str] | None = None,
        signed_out: Collection[int] = (),
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._headers = {"Accept": "application/json", "User-Agent": "portbook", **(headers or {})}
        self._hints = hints or {}
        # With these statuses, and a page to sign in on, this tool says what others say with 401.
        self._signed_out = frozenset(signed_out)
        self._patience = patience or Patience()
        self._transport = transport
        self._timeout = httpx.Timeout(timeout_s, connect=min(10.0, timeout_s), pool=None)
        self._whole_s = _WHOLE * timeout_s
        self._slots = asyncio.Semaphore(concurrency)
        self._concurrency = concurrency
        self._rate = AsyncLimiter(per_second, 1.0)
        self._renewing = asyncio.Lock()
        self._trusted: Mapping[str, str] | None = None
        """Headers with which a request was refused though they were as new as they can be."""
        self._not_before = 0.0
        self._pace = 0.0
        self._ahead = timedelta()
        self._under_way: set[asyncio.Task[Any]] = set()
        self.requests = 0

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            headers=self._headers,
            timeout=self._timeout,
            transport=self._transport,
            follow_redirects=False,
            # Plain http needs no certificates, and loading them takes longer than a request.
            verify=self.base_url.startswith("https:"),
            # A proxy set for the machine has no business between us and a tool on this same machine.
            trust_env=not is_loopback(urlsplit(self.base_url).hostname or ""),
            limits=httpx.Limits(
                max_connections=self._concurrency, max_keepalive_connections=self._concurrency
            ),
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        # Where several were asked for together and one was refused, the others are still at it.
        left = self._under_way - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._client.aclose()

    def tool_now(self) -> datetime:
        """The tool's clock, from its last answer: places in its feeds must not depend on ours."""
        return datetime.now(UTC) + self._ahead

    async def json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        decode: Callable[[bytes], T],
        stream: str = "",
    ) -> T:
        """The decoded answer. A body that `decode` refuses is asked for again, then SourceMisbehaved."""
        answer = await self.send(
            method, path, params=params, body=body, headers=headers, stream=stream, decode=decode
        )
        return answer[1]

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        decode: Callable[[bytes], T],
        also: Collection[int] = (),
        stream: str = "",
    ) -> tuple[Answer, T]:
        """Answer and decoded body. A status in `also` is the caller's business: its body comes undecoded, and
        the second part must not be used."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._patience.attempts),
            wait=self._wait,
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            async for attempt in retrying:
                with attempt:
                    answer = await self._once(method, path, params, body, headers or {}, also, stream)
                    if answer.status in also:
                        return answer, None  # type: ignore[return-value]
                    try:
                        return answer, decode(answer.body)
                    except (ValueError, msgspec.DecodeError, RecursionError) as bad:
                        raise _Again(
                            self._problem(
                                SourceMisbehaved,
                                f"the answer cannot be read as what was asked for: {bad}",
                                method,
                                path,
                                stream,
                                hint="If it stays so, a proxy on the way may be cutting answers short.",
                            )
                        ) from None
        except _Again as last:
            raise last.problem from None
        finally:
            self._under_way.discard(task)
        raise AssertionError("unreachable: the loop returns or raises")

    async def remove(self, path: str, *, params: Mapping[str, Any] | None = None) -> None:
        """DELETE, whatever the answer's body says. What is gone already, or not ours to remove, is left."""
        await self.send("DELETE", path, params=params, decode=bytes, also=(*range(200, 300), 401, 403, 404))

    def _wait(self, state: RetryCallState) -> float:
        """The tool's own Retry-After, and never less than a jittered exponential wait: `0` can appear in
        it."""
        backoff: float = wait_exponential(multiplier=self._patience.base, max=self._patience.cap)(state)
        backoff *= random.uniform(0.7, 1.3)  # noqa: S311 - spreads callers out, guards nothing
        asked = state.outcome.exception() if state.outcome else None
        return max(backoff, (asked.wait or 0.0) if isinstance(asked, _Again) else 0.0)

    async def _once(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Any,
        more: Mapping[str, str],
        also: Collection[int],
        stream: str,
    ) -> Answer:
        renewed = False
        while True:
            await self._signing(self._credentials.ready)
            signed = dict(self._credentials.headers())
            if why := _unsendable(signed.values()):
                # Not left to the client, which shows what it refuses and takes it for a fault of the network.
                raise self._problem(
                    SourceRefused,
                    f"the secret cannot be sent: it holds {why}",
                    method,
                    path,
                    stream,
                    hint="Let its file or variable hold the token alone, as the tool gave it, in one line.",
                )
            try:
                answer = await self._exchange(method, path, params, body, {**more, **signed})
            except (httpx.TimeoutException, TimeoutError):
                raise _Again(
                    self._problem(SourceUnavailable, "the tool did not answer in time", method, path, stream)
                ) from None
            except (httpx.TransportError, httpx.DecodingError) as broken:
                raise _Again(
                    self._problem(
                        SourceUnavailable,
                        f"the connection failed: {self._clean(str(broken)) or type(broken).__name__}",
                        method,
                        path,
                        stream,
                        hint="Check the address, the network and the tool's certificate.",
                    )
                ) from None
            except (httpx.InvalidURL, UnicodeError) as wrong:
                raise self._problem(
                    SourceRefused, f"not a usable address: {self._clean(str(wrong))}", method, path, stream
                ) from None
            # Also where a refusal is the caller's business: it must not take an expired token for a missing right. Once
            # signing in anew was of no help, that same token is not doubted again; a secret that is at hand is.
            refused = answer.status == 401 or self._at_the_door(answer)
            trusted = answer.status in also and self._credentials.asks and signed == self._trusted
            if refused and not renewed and not trusted:
                renewed = True
                async with self._renewing:
                    # Another request may have renewed while this one waited for the lock.
                    if dict(self._credentials.headers()) != signed:
                        continue
                    if await self._signing(self._credentials.renew):
                        continue
            if refused:
                self._trusted = signed
            self._judge(answer, method, path, also, stream)
            return answer

    async def _signing(self, step: Callable[[], Awaitable[T]]) -> T:
        """A sign-in service that is down for a moment is waited for as the tool itself is."""
        try:
            return await step()
        except SourceUnavailable as absent:
            if absent.retry_after is not None and absent.retry_after > self._patience.longest:
                raise
            raise _Again(absent, absent.retry_after) from None

    async def _exchange(
        self, method: str, path: str, params: Mapping[str, Any] | None, body: Any, signed: Mapping[str, str]
    ) -> Answer:
        async with self._slots:
            loop = asyncio.get_running_loop()
            hold = max(self._not_before - loop.time(), self._pace)
            if hold > 0:
                await asyncio.sleep(hold)
            await self._rate.acquire()
            self.requests += 1
            headers = dict(signed)
            content = None
            if body is not None:
                content = orjson.dumps(body)
                headers["Content-Type"] = "application/json"
            async with asyncio.timeout(self._whole_s):
                response = await self._client.request(
                    method, f"{self.base_url}/{path}", params=params, content=content, headers=headers
                )
        # A response and its stream refer to each other; with its body, a megabyte and more a page, it would stay
        # until the collector comes by.
        response.stream = _SPENT
        self._watch(response)
        # Some servers and proxies put a mark of its byte order in front of JSON, which has none.
        return Answer(response.status_code, response.headers, response.content.removeprefix(BOM_UTF8))

    def _watch(self, response: httpx.Response) -> None:
        """Learn from every answer: the tool's clock, and whether it wants us slower."""
        sent = http_date(response.headers.get("date"))
        if sent is not None and abs(ahead := sent - datetime.now(UTC)) < _CLOCK_OFF:
            self._ahead = ahead
        if response.headers.get("x-ratelimit-nearlimit", "").lower() == "true":
            self._pace = min(max(self._pace * 2, 0.25), 4.0) if self._patience.base else 0.001
        elif self._pace:
            self._pace = self._pace / 2 if self._pace > 0.05 else 0.0
        if response.is_success and "retry-after" in response.headers:
            # Azure DevOps asks for a pause before it refuses, along with the answer.
            wait = min(retry_after(response.headers) or 0.0, self._patience.longest)
            self._not_before = max(self._not_before, asyncio.get_running_loop().time() + wait)

    def _at_the_door(self, answer: Answer) -> bool:
        """Whether the tool shows its page to sign in on instead of an answer."""
        return (
            answer.status in self._signed_out and "json" not in answer.headers.get("content-type", "").lower()
        )

    def _judge(self, answer: Answer, method: str, path: str, also: Collection[int], stream: str) -> None:
        status = answer.status
        if status in also:
            return
        if self._at_the_door(answer):
            raise self._problem(
                SignInRefused,
                f"the tool answered {status} with a page to sign in on: it does not know us",
                method,
                path,
                stream,
                hint=self._hints.get(401, "") or "The token may be expired or revoked.",
            )
        if 200 <= status < 300:
            kind = answer.headers.get("content-type", "")
            if "json" not in kind.lower():
                raise self._problem(
                    SourceMisbehaved,
                    f"the tool answered {status} with {kind.split(';')[0] or 'no type'} instead of JSON",
                    method,
                    path,
                    stream,
                    hint="This is usually a login or maintenance page. Check the url and how we sign in.",
                )
            return
        if 300 <= status < 400:
            target = urlsplit(answer.headers.get("location", ""))
            raise self._problem(
                SourceRefused,
                f"the tool redirects to {target.scheme}://{target.netloc}{target.path}"
                if target.netloc
                else "the tool redirects to another page",
                method,
                path,
                stream,
                hint="Redirects are not followed, so that credentials go nowhere else. Put the final "
                "address, with its context path, into `url`; a redirect to a login page means that we are "
                "not signed in.",
            )
        said = self._clean(answer.said())
        text = f"the tool answered {status}" + (f": {said}" if said else "")
        if status in (408, 425, 429) or (status >= 500 and status not in _LASTING):
            wait = retry_after(answer.headers)
            problem = self._problem(
                SourceUnavailable, text, method, path, stream, hint=self._hints.get(status, "")
            )
            if isinstance(problem, SourceUnavailable):
                problem.retry_after = wait
            if wait is not None and wait > self._patience.longest:
                raise problem
            if wait is not None:
                loop = asyncio.get_running_loop()
                self._not_before = max(self._not_before, loop.time() + wait)
            raise _Again(problem, wait)
        kind_of = {401: SignInRefused, 413: SourceMisbehaved}.get(status, SourceRefused)
        raise self._problem(kind_of, text, method, path, stream, hint=self._hints.get(status, ""))

    def _problem(
        self, kind: type[SourceError], message: str, method: str, path: str, stream: str, hint: str = ""
    ) -> SourceError:
        # What stands behind the `?` is long, says little, and may be a page's token.
        where = f"{method} {self.base_url}/{path.partition('?')[0]}"
        return kind(self._clean(message), stream=stream, detail=where, hint=hint)

    def _clean(self, text: str) -> str:
        for secret in self._credentials.secrets():
            if secret:
                text = text.replace(secret, "***")
        return text
