"""The reporting feeds: batches in the order things changed, each with a token for the place behind it."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from adapters.azure_devops.site import FEED_REFUSALS, Site, type_key
from adapters.errors import SourceMisbehaved
from adapters.json_body import page_decoder

MOST_EMPTY = 50
"""Empty batches in a row: a few are normal where what changed is none of ours."""


class _Batch(msgspec.Struct):
    values: list[msgspec.Raw]
    continuationToken: str | None = None  # noqa: N815 - Azure DevOps' spelling
    nextLink: str | None = None  # noqa: N815
    isLastBatch: bool | None = None  # noqa: N815


_decode = page_decoder(_Batch, "values")


class Batch(NamedTuple):
    raws: list[bytes]
    token: str
    done: bool


class TokenRefused(Exception):
    """The place in the feed is no longer known there."""


class Feed:
    """One of the two feeds, `workitemrevisions` or `workitemlinks`, of the organisation or of one project."""

    def __init__(self, site: Site, name: str, project: str, params: dict[str, Any], stream: str) -> None:
        self._site = site
        self._path = f"{project}/_apis/wit/reporting/{name}".lstrip("/")
        self._params = params
        self._stream = stream
        self._tokens: set[str] = set()
        self._empty = 0

    async def batch(self, token: str | None) -> Batch:
        """What comes behind `token`; None: from the beginning. Raises TokenRefused, or SourceMisbehaved when
        the feed does not move on."""
        params = dict(self._params)
        if token:
            params["continuationToken"] = token
            self._tokens.add(token)
        answer, batch = await self._site.send(
            "GET", self._path, _decode, params=params, also=FEED_REFUSALS, stream=self._stream
        )
        if answer.status == 400 and token:
            raise TokenRefused(answer.said())
        if answer.status in FEED_REFUSALS:
            raise SourceMisbehaved(
                f"the reporting feed was refused ({answer.status} {answer.said() or type_key(answer)}), which it was "
                "not when the run began",
                stream=self._stream,
                detail=f"{self._path} at {self._site.http.base_url}",
                hint="The next run finds out by itself whether it has to do without. If a project was hidden "
                "meanwhile, the next run no longer reads it.",
            )
        raws = [bytes(raw) for raw in batch.values]
        following = batch.continuationToken or _token_of(batch.nextLink)
        done = batch.isLastBatch is not False
        if not following:
            raise self._insane("gives no token to go on with")
        if not done and following in self._tokens:
            raise self._insane("hands out a token a second time")
        self._empty = 0 if raws else self._empty + 1
        if not done and self._empty > MOST_EMPTY:
            raise self._insane(f"sends {self._empty} empty batches in a row and promises more")
        return Batch(raws, following, done)

    def _insane(self, what: str) -> SourceMisbehaved:
        return SourceMisbehaved(
            f"the reporting feed {what}",
            stream=self._stream,
            detail=f"{self._path} at {self._site.http.base_url}",
            hint="Nothing was concluded from it. Run the sync again; if it stays so, report it to Microsoft or to "
            "the administrator of that server.",
        )


def _token_of(link: str | None) -> str:
    """Old versions name the token in the link alone. The link itself is not followed."""
    return (parse_qs(urlsplit(link or "").query).get("continuationToken") or [""])[0]
