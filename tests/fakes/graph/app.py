"""The wire format of Graph v1.0, as far as drives go, and the other server that files come from.

https://learn.microsoft.com/graph/api/resources/driveitem, …/driveitem-delta, …/driveitem-get-content
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.entra import FakeEntra
from tests.fakes.graph.subscriptions import Subscriptions
from tests.fakes.graph.world import FakeDrive, Node, World
from tests.fakes.server import Refusal, Wire, WireFaults

DRIVE_READERS = {"Sites.Read.All", "Sites.ReadWrite.All", "Files.Read.All", "Files.ReadWrite.All"}
Handler = Callable[["Asked"], Any]


@dataclass
class GraphFaults(WireFaults):
    page_size: int = 200
    no_delta: bool = False
    """The feed is closed to this application."""
    bare_delta: bool = False
    """As business drives do at times: no cTag in the feed."""
    repeat_page: bool = False
    """Every page names itself as the next."""
    foreign_links: bool = False
    addresses_expire: bool = False
    """An address handed out is refused when it is used."""
    addresses_plain: str = ""
    """Hand out addresses that begin so."""
    cut_content: bool = False
    """Files arrive shorter than Graph says they are."""
    busy_content: int = 0
    """How many requests for a file are answered 429 before one succeeds."""
    on_content: Callable[[], object] | None = None
    """Called before a file is handed out: edits made while somebody reads."""


@dataclass
class State:
    world: World
    entra: FakeEntra
    url: str = ""
    content_url: str = ""
    wire: Wire[GraphFaults] = field(default_factory=lambda: Wire(GraphFaults()))
    content_wire: Wire[WireFaults] = field(default_factory=lambda: Wire(WireFaults()))
    addresses: dict[str, tuple[FakeDrive, Node]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)


@dataclass
class Asked:
    """A request that is signed."""

    state: State
    request: Request
    roles: set[str]

    @property
    def query(self) -> dict[str, str]:
        return dict(self.request.query_params)


def error(status: int, code: str, message: str, **headers: str) -> Refusal:
    inner = {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": str(uuid.uuid4()),
        "client-request-id": str(uuid.uuid4()),
    }
    body = {"error": {"code": code, "message": message, "innerError": inner}}
    return Refusal(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def build_graph(state: State) -> Starlette:
    async def everything(request: Request) -> Response:
        def signed_in(signed: Request) -> Refusal | None:
            why = state.entra.refused(signed, state.url)
            return error(401, "InvalidAuthenticationToken", why) if why else None

        def handle(body: Any) -> Any:
            asked = Asked(state, request, set(state.entra.roles(request)))
            # The path as sent: a file's name may hold what a route takes for a slash or a colon.
            path = request.scope["path"].removeprefix("/v1.0/")
            if path.startswith("subscriptions"):
                return _subscriptions(state, request.method, path, body)
            return _route(asked, path)

        return await state.wire.answer(request, handle, signed_in=signed_in)

    return Starlette(
        routes=[Route("/v1.0/{path:path}", everything, methods=["GET", "POST", "PATCH", "DELETE"])]
    )


def _subscriptions(state: State, method: str, path: str, body: Any) -> Any:
    match method, path.split("/"):
        case "GET", ["subscriptions"]:
            return state.subscriptions.listed()
        case "POST", ["subscriptions"]:
            made = state.subscriptions.add(body)
            if made is None:
                raise error(400, "InvalidRequest", "Subscription validation request failed.")
            return made
        case "DELETE", ["subscriptions", name]:
            if state.subscriptions.by_id.pop(name, None) is None:
                raise error(404, "ResourceNotFound", "The subscription does not exist.")
            return b""
        case "PATCH", ["subscriptions", name]:
            found = state.subscriptions.renew(name, body)
            if found is None:
                raise error(404, "ResourceNotFound", "The subscription does not exist.")
            return found
    raise error(405, "UnsupportedMethod", "Not here.")


def _route(asked: Asked, path: str) -> Any:
    state = asked.state
    parts = path.split("/")
    if parts[0] == "sites":
        return _sites(asked, path.removeprefix("sites/"))
    if parts[0] == "users" and parts[2:] == ["drive"]:
        drive = state.world.users.get(parts[1])
        if drive is None:
            raise error(404, "Request_ResourceNotFound", f"Resource '{parts[1]}' does not exist.")
        return _drive(asked, drive)
    if parts[0] == "drives":
        drive = state.world.drives.get(parts[1])
        if drive is None:
            raise error(404, "itemNotFound", "The resource could not be found.")
        _allowed(asked, drive)
        with drive.lock:
            return _in_drive(asked, drive, path.removeprefix(f"drives/{parts[1]}").removeprefix("/"))
    raise error(400, "BadRequest", f"Resource not found for the segment '{parts[0]}'.")


def _sites(asked: Asked, path: str) -> Any:
    world = asked.state.world
    if ":/" in path:
        host, _, where = path.partition(":/")
        if host != "acme.sharepoint.com" or where not in world.sites:
            raise error(404, "itemNotFound", "Requested site could not be found")
        _allowed(asked, world.sites[where][0])
        return {
            "id": _site_id(where),
            "name": where.rpartition("/")[2],
            "displayName": where.rpartition("/")[2].upper(),
            "webUrl": f"https://acme.sharepoint.com/{where}",
        }
    site, _, rest = path.partition("/")
    owner = next((name for name in world.sites if _site_id(name) == site), None)
    if owner is None:
        raise error(404, "itemNotFound", "Requested site could not be found")
    _allowed(asked, world.sites[owner][0])
    if rest == "drive":
        return _drive(asked, world.sites[owner][0])
    if rest == "drives":
        return {"value": [_drive(asked, drive) for drive in world.sites[owner]]}
    raise error(400, "BadRequest", f"Resource not found for the segment '{rest}'.")


def _site_id(owner: str) -> str:
    one, two = uuid.uuid5(uuid.NAMESPACE_URL, owner), uuid.uuid5(uuid.NAMESPACE_DNS, owner)
    return f"acme.sharepoint.com,{one},{two}"


def _allowed(asked: Asked, drive: FakeDrive) -> None:
    personal = not drive.owner.startswith("sites/")
    wanted = {"Files.Read.All", "Files.ReadWrite.All"} if personal else DRIVE_READERS
    if asked.roles & wanted or ("Sites.Selected" in asked.roles and drive.owner in asked.state.world.granted):
        return
    raise error(403, "accessDenied", "Access denied")


def _drive(asked: Asked, drive: FakeDrive) -> dict[str, Any]:
    _allowed(asked, drive)
    return {
        "id": drive.id,
        "name": drive.name,
        "driveType": "documentLibrary" if drive.owner.startswith("sites/") else "business",
        "webUrl": f"https://acme.sharepoint.com/{drive.owner}/{drive.name.replace(' ', '%20')}",
    }


def _in_drive(asked: Asked, drive: FakeDrive, path: str) -> Any:
    if not path:
        return _drive(asked, drive)
    if path == "root":
        return item_of(drive, drive.root)
    if path == "root/delta":
        return _delta(asked, drive)
    if path.startswith("root:/"):
        node = drive.find(path.removeprefix("root:/"))
        if node is None or node.hidden:
            raise error(404, "itemNotFound", "The resource could not be found.")
        return item_of(drive, node)
    kind, _, rest = path.partition("/")
    item, _, action = rest.partition("/")
    node = drive.nodes.get(item)
    if kind != "items" or node is None or node.deleted or node.hidden:
        raise error(404, "itemNotFound", "The resource could not be found.")
    if not action:
        return item_of(drive, node)
    if action == "children":
        nodes = [child for child in drive.children(node.id) if not child.hidden]
        return _page(asked, [item_of(drive, child) for child in nodes])
    if action == "content" and node.content is not None:
        return _content(asked, drive, node)
    raise error(400, "invalidRequest", f"{action} is not supported for this item")


def item_of(drive: FakeDrive, node: Node, *, feed: bool = False, bare: bool = False) -> dict[str, Any]:
    """The driveItem as Graph shows it: in lists and alone with its path, in the feed without."""
    if node.deleted:
        return {"id": node.id, "deleted": {"state": "deleted"}, "parentReference": {"driveId": drive.id}}
    guid = str(uuid.uuid5(uuid.NAMESPACE_OID, node.id)).upper()
    item: dict[str, Any] = {
        "id": node.id,
        "name": node.name,
        "size": len(node.content) if node.content is not None else sum(1 for _ in drive.children(node.id)),
        "eTag": f'"{{{guid}}},{node.changes}"',
        "lastModifiedDateTime": datetime.fromtimestamp(node.modified, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "parentReference": {"driveId": drive.id, "driveType": "documentLibrary"},
    }
    if node.parent:
        item["parentReference"]["id"] = node.parent
    if not feed:
        item["parentReference"]["path"] = f"/drives/{drive.id}/root:"
    if node.content is None:
        item["folder"] = {"childCount": sum(1 for _ in drive.children(node.id))}
    else:
        if not bare:
            item["cTag"] = f'"c:{{{guid}}},{node.versions}"'
        item["file"] = {
            "mimeType": "application/octet-stream",
            "hashes": {"quickXorHash": _hash(node.content)},
        }
    return item


def _hash(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def _page(asked: Asked, items: list[dict[str, Any]]) -> dict[str, Any]:
    faults = asked.state.wire.faults
    skip = int(asked.query.get("$skiptoken", "0"))
    size = min(int(asked.query.get("$top", "200")), faults.page_size)
    page: dict[str, Any] = {"value": items[skip : skip + size]}
    if skip + size < len(items) or faults.repeat_page:
        following = skip if faults.repeat_page else skip + size
        page["@odata.nextLink"] = _link(asked, {**asked.query, "$skiptoken": str(following)})
    return page


def _delta(asked: Asked, drive: FakeDrive) -> dict[str, Any]:
    faults, query = asked.state.wire.faults, asked.query
    if faults.no_delta:
        raise error(403, "accessDenied", "Access denied")
    token = query.get("token", "")
    if token == "latest":
        return {"value": [], "@odata.deltaLink": _link(asked, {**query, "token": str(drive.seq)})}
    start, _, upto_skip = token.partition(".")
    since, (upto, skip) = int(start or 0), _pair(upto_skip, drive.seq)
    if token and since < drive.oldest:
        raise error(
            410,
            "resyncRequired",
            "Resync required. Replace any local items with the server's version.",
            Location=_link(asked, {}),
        )
    changed = sorted(
        (n for n in drive.nodes.values() if since < n.seq and not n.hidden and (token or not n.deleted)),
        key=lambda node: node.seq,
    )
    page = changed[skip : skip + faults.page_size]
    value = [item_of(drive, node, feed=True, bare=faults.bare_delta) for node in page]
    body: dict[str, Any] = {"value": value}
    if skip + len(page) < len(changed):
        following = skip if faults.repeat_page else skip + len(page)
        body["@odata.nextLink"] = _link(asked, {**query, "token": f"{since}.{upto}-{following}"})
    else:
        body["@odata.deltaLink"] = _link(asked, {**query, "token": str(upto)})
    return body


def _pair(text: str, default: int) -> tuple[int, int]:
    upto, _, skip = text.partition("-")
    return int(upto or default), int(skip or 0)


def _link(asked: Asked, query: dict[str, str]) -> str:
    origin = "https://graph.example.com" if asked.state.wire.faults.foreign_links else asked.state.url
    return f"{origin}{asked.request.scope['path']}?{urlencode(query)}"


def _content(asked: Asked, drive: FakeDrive, node: Node) -> Response:
    state = asked.state
    faults = state.wire.faults
    if faults.on_content is not None:
        act, faults.on_content = faults.on_content, None
        act()
    if node.deleted:
        raise error(404, "itemNotFound", "The resource could not be found.")
    if node.locked:
        raise error(423, "resourceLocked", "The resource you are attempting to access is locked")
    tempauth = uuid.uuid4().hex
    state.addresses[tempauth] = drive, node
    origin = faults.addresses_plain or state.content_url
    location = f"{origin}/_layouts/15/download.aspx?{urlencode({'UniqueId': node.id, 'tempauth': tempauth})}"
    return Response(b"", 302, headers={"Location": location})


def build_content(state: State) -> Starlette:
    async def download(request: Request) -> Response:
        def handle(body: Any) -> Any:
            sent = request.headers.get("authorization")
            if sent:
                state.leaked.append(sent)
                raise Refusal(401, b"")
            tempauth = parse_qs(request.url.query).get("tempauth", [""])[0]
            faults = state.wire.faults
            if faults.busy_content > 0:
                faults.busy_content -= 1
                raise Refusal(429, b"", {"Retry-After": faults.retry_after})
            if tempauth not in state.addresses or faults.addresses_expire:
                raise Refusal(401, b"The access token has expired")
            _, node = state.addresses.pop(tempauth)
            state.fetched.append(node.name)
            content = node.content or b""
            return content[: len(content) // 2] if faults.cut_content else content

        return await state.content_wire.answer(request, handle, media_type="application/octet-stream")

    return Starlette(routes=[Route("/_layouts/15/download.aspx", download)])
