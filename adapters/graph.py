"""Drives in SharePoint and OneDrive through Microsoft Graph: finding one, listing it, what changed, and files.

What is asked for follows the Graph v1.0 reference: driveItem, `delta`, `content`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote, unquote, urlsplit

import httpx

from adapters.address import is_loopback, own_path
from adapters.answers import Answer
from adapters.download import Downloads, Fetched
from adapters.errors import CursorExpired, FileRefused, SourceMisbehaved, SourceUnavailable
from adapters.http import Credentials, Http, Patience
from adapters.json_body import loads

PUBLIC_CLOUD = "https://graph.microsoft.com/v1.0"
_SELECT = "id,name,size,eTag,cTag,lastModifiedDateTime,file,folder,deleted,parentReference"
_PERMISSION = (
    "The application needs the application permission Sites.Selected and read access to this site, which a SharePoint "
    "administrator gives (docs/configuration.md says how); or Sites.Read.All. For a person's OneDrive: Files.Read.All. "
    "Each with admin consent."
)
HINTS: Mapping[int, str] = {
    401: _PERMISSION,
    403: _PERMISSION,
    404: "Check `drive:`; what an application may not see is answered as if it did not exist. " + _PERMISSION,
    429: "Microsoft Graph limits requests. Run less often.",
}


def scope_of(url: str) -> str:
    """The token's scope for a Graph, also for those of national clouds."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/.default"


class Item(NamedTuple):
    """A file or folder. `id` is its identity: it survives renames and moves within the drive."""

    id: str
    name: str
    folder: bool
    parent: str
    tag: str
    """Another one whenever the content is; empty where Graph does not tell."""
    size: int
    modified: float
    deleted: bool = False


class Drive(NamedTuple):
    id: str
    title: str
    """For people: `PMO, Documents`."""
    root: str
    """Id of the top folder."""


class Graph:
    """A connection to Graph as an application. Used as an async context manager."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        *,
        concurrency: int = 4,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self._patience = patience or Patience()
        self.http = Http(
            url,
            credentials,
            concurrency=concurrency,
            per_second=20.0,
            hints=HINTS,
            patience=self._patience,
            transport=transport,
            timeout_s=timeout_s,
            # The form that SharePoint asks of its callers, to be throttled last.
            headers={"User-Agent": "NONISV|Portbook|Portbook/1"},
        )
        self._downloads = Downloads(
            plain=is_loopback(urlsplit(url).hostname or ""), timeout_s=timeout_s, transport=transport
        )

    async def __aenter__(self) -> Self:
        await self.http.__aenter__()
        await self._downloads.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._downloads.__aexit__(*exc)
        await self.http.__aexit__(*exc)

    async def drive_of_site(self, site: str, library: str | None) -> Drive:
        """A document library of the site at this address; without a name, the site's default one."""
        parts = urlsplit(site)
        # From a browser's bar, letters come encoded already.
        path = "/".join(quote(unquote(part), safe="") for part in parts.path.split("/") if part)
        found = await self._object(f"sites/{parts.netloc}:/{path}" if path else f"sites/{parts.netloc}")
        title = str(found.get("displayName") or found.get("name") or site)
        if library is None:
            return await self._drive(f"sites/{quote(str(found['id']), safe=',')}/drive", title)
        there: list[str] = []
        async for page in self._pages(
            f"sites/{quote(str(found['id']), safe=',')}/drives?$select=id,name,webUrl"
        ):
            for drive in page["value"]:
                name = str(drive.get("name") or "")
                # A library's address keeps its first name: `Shared Documents`, shown as `Documents`.
                address = [part for part in urlsplit(str(drive.get("webUrl") or "")).path.split("/") if part]
                if library.casefold() in (
                    name.casefold(),
                    unquote(address[-1] if address else "").casefold(),
                ):
                    return await self._drive(f"drives/{quote(str(drive['id']), safe='!')}", title)
                there.append(name)
        raise FileRefused(
            f"The site {title} has no library {library!r}",
            detail=site,
            hint=f"There are: {', '.join(there[:20]) or 'none that the application may see'}. Correct `library`.",
        )

    async def drive_of_user(self, user: str) -> Drive:
        return await self._drive(f"users/{quote(user, safe='@')}/drive", user)

    async def drive_by_id(self, drive_id: str) -> Drive:
        return await self._drive(f"drives/{quote(drive_id, safe='!')}", "")

    async def _drive(self, path: str, title: str) -> Drive:
        found = await self._object(path + "?$select=id,name,webUrl")
        drive_id = str(found.get("id") or "")
        root = await self._object(f"drives/{quote(drive_id, safe='!')}/root?$select=id")
        name = str(found.get("name") or drive_id)
        return Drive(drive_id, f"{title}, {name}" if title else name, str(root.get("id") or ""))

    async def by_path(self, drive: Drive, path: str) -> Item | None:
        """The item of that name, None when there is none that we may see."""
        steps = "/".join(quote(part, safe="") for part in path.split("/") if part)
        where = f"drives/{quote(drive.id, safe='!')}/root" + (f":/{steps}" if steps else "")
        return await self._item(where)

    async def by_id(self, drive: Drive, item_id: str) -> Item | None:
        return await self._item(_place(drive, item_id))

    async def _item(self, where: str) -> Item | None:
        answer, data = await self.http.send(
            "GET", where, params={"$select": _SELECT}, decode=_object, also=(404,)
        )
        return None if answer.status == 404 else _listed(data)

    async def children(self, drive: Drive, folder: str) -> AsyncIterator[Item]:
        # It was there a moment ago: nobody has anything to correct.
        async for page in self._pages(
            f"{_place(drive, folder)}/children?$top=200&$select={_SELECT}", also=(404,)
        ):
            for item in page["value"]:
                yield _listed(item)

    async def now(self, drive: Drive) -> str | None:
        """A place in the drive's feed of changes: this moment. None where the feed is closed to us."""
        link = f"drives/{quote(drive.id, safe='!')}/root/delta?token=latest&$select={_SELECT}"
        answer, data = await self.http.send("GET", link, decode=_object, also=(400, 403, 404, 405, 501))
        if answer.status != 200:
            return None
        return own_path(self.http.base_url, str(data.get("@odata.deltaLink") or ""))

    async def changes(self, place: str) -> AsyncIterator[tuple[list[Item], str | None]]:
        """What changed since a place in the feed, a page at a time; with the last page, the new place. An item may
        come twice, the last one counts. Raises CursorExpired when the place is no longer known."""
        seen = {place}
        while True:
            answer, data = await self.http.send("GET", place, decode=_page, also=(410,))
            if answer.status == 410:
                raise CursorExpired("Microsoft Graph no longer knows our place in the drive's changes")
            items = [_read_item(item) for item in data["value"]]
            following = data.get("@odata.nextLink")
            if not following:
                yield items, own_path(self.http.base_url, str(data.get("@odata.deltaLink") or ""))
                return
            place = own_path(self.http.base_url, str(following))
            _once_more(place, seen)
            yield items, None

    async def content(self, drive: Drive, item: Item, into: Path, *, name: str, largest: int) -> Fetched:
        """The file's bytes as they are now, which may be newer than `item`. Raises SourceUnavailable while somebody
        holds it locked or uploads it."""
        problem: SourceUnavailable | None = None
        for attempt in range(self._patience.attempts):
            if problem is not None:
                await self._wait(attempt, problem)
            location = await self._location(drive, item, name)
            try:
                fetched = await self._downloads.fetch(location, into, name=name, largest=largest)
            except SourceUnavailable as absent:
                problem = absent
                continue
            if fetched.size == item.size:
                return fetched
            known = await self.by_id(drive, item.id)
            if known is None:
                raise SourceUnavailable(f"{name} vanished while it was being read", retry_after=30)
            if fetched.size == known.size:
                return fetched
            item, problem = (
                known,
                SourceUnavailable(
                    f"{name} came as {fetched.size} bytes, Microsoft Graph says it has {known.size}",
                    retry_after=0 if fetched.size else 30,
                ),
            )
        raise problem or SourceUnavailable(f"{name} cannot be fetched")

    async def _location(self, drive: Drive, item: Item, name: str) -> str:
        # A file is never sent from here: the answer names an address of the drive's own, good for some minutes.
        answer, _ = await self.http.send(
            "GET", f"{_place(drive, item.id)}/content", decode=_nothing, also=(302, 404, 409, 423)
        )
        if answer.status == 302 and answer.headers.get("location"):
            return answer.headers["location"]
        raise _not_now(answer, name)

    async def _wait(self, attempt: int, problem: SourceUnavailable) -> None:
        wait = max(problem.retry_after or 0.0, min(self._patience.base * 2**attempt, self._patience.cap))
        if wait > self._patience.longest:
            raise problem
        await asyncio.sleep(wait)

    async def _object(self, path: str) -> dict[str, Any]:
        return await self.http.json("GET", path, decode=_object)

    async def _pages(self, path: str, *, also: Collection[int] = ()) -> AsyncIterator[dict[str, Any]]:
        seen = {path}
        while True:
            answer, page = await self.http.send("GET", path, decode=_page, also=also)
            if answer.status in also:
                raise SourceUnavailable("a folder vanished while it was being listed", retry_after=30)
            yield page
            following = page.get("@odata.nextLink")
            if not following:
                return
            path = own_path(self.http.base_url, str(following))
            _once_more(path, seen)


def _place(drive: Drive, item_id: str) -> str:
    return f"drives/{quote(drive.id, safe='!')}/items/{quote(item_id, safe='!')}"


def _once_more(place: str, seen: set[str]) -> None:
    if place in seen:
        raise SourceMisbehaved("Microsoft Graph leads back to a page that was already read")
    seen.add(place)


def _not_now(answer: Answer, name: str) -> SourceUnavailable:
    if answer.status == 404:
        return SourceUnavailable(f"{name} vanished while it was being read", retry_after=30)
    if answer.status in (409, 423):
        return SourceUnavailable(
            f"{name} is locked by someone who saves or uploads it", detail=answer.said(), retry_after=60
        )
    return SourceUnavailable(f"{name} cannot be fetched: Microsoft Graph answered {answer.status}")


def _object(body: bytes) -> dict[str, Any]:
    data = loads(body)
    if not isinstance(data, dict):
        raise ValueError("expected an object")
    return data


def _page(body: bytes) -> dict[str, Any]:
    """An answer without its list is no empty list: files would look as if they were gone."""
    data = _object(body)
    found = data.get("value")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ValueError("expected a list of objects")
    return data


def _nothing(body: bytes) -> None:
    """Asked for only when a file came where its address should be."""
    raise ValueError("expected the address of the file, not the file")


def _read_item(data: Any) -> Item:
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        raise SourceMisbehaved("Microsoft Graph sent an item without an id")
    parent = data.get("parentReference")
    size = data.get("size")
    return Item(
        id=data["id"],
        name=str(data.get("name") or ""),
        folder=data.get("file") is None and data.get("folder") is not None,
        parent=str((parent or {}).get("id") or "") if isinstance(parent, dict | None) else "",
        tag=str(data.get("cTag") or data.get("eTag") or ""),
        size=size if isinstance(size, int) else 0,
        modified=_seconds(data.get("lastModifiedDateTime")),
        deleted=data.get("deleted") is not None,
    )


def _listed(data: Mapping[str, Any]) -> Item:
    """An item as it is listed, or asked for: there it has a name, and a file a size. In the feed it may have neither.
    Without them it would be passed over, as if it were not there."""
    item = _read_item(data)
    of_a_file = data.get("file") is not None  # a shortcut to another drive is neither a file nor a folder
    if not isinstance(data.get("name"), str) or (of_a_file and not isinstance(data.get("size"), int)):
        raise SourceMisbehaved("Microsoft Graph sent an item without its name or its size", detail=item.id)
    return item


def _seconds(text: Any) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0
