"""The platform API but for issues: who asks, projects, versions, people, and the lists of words."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from tests.fakes.jira.state import Handler, State, home_of, refusal
from tests.fakes.jira.world import SITE, text_of


def server_info(state: State, request: Request, body: Any) -> Any:
    world = state.world
    return {
        "baseUrl": SITE,
        "version": "1001.0.0-SNAPSHOT" if world.cloud else "10.3.1",
        "versionNumbers": [1001, 0, 0] if world.cloud else [10, 3, 1],
        "deploymentType": "Cloud" if world.cloud else "Server",
        "buildNumber": 100275,
        "buildDate": "2025-01-01T00:00:00.000+0000",
        "serverTime": text_of(world.now(), world.zone),
        "scmInfo": "0000",
        "serverTitle": "Jira",
    }


def myself(state: State, request: Request, body: Any) -> Any:
    world = state.world
    me = {
        "self": f"{SITE}/me",
        "emailAddress": "pmo@acme.example",
        "displayName": "PMO reader",
        "active": True,
        "timeZone": world.zone_name,
        "locale": "en_GB",
    }
    return me | (
        {"accountId": "reader", "accountType": "atlassian"} if world.cloud else {"name": "pmo", "key": "pmo"}
    )


def mypermissions(state: State, request: Request, body: Any) -> Any:
    asked = request.query_params.get("permissions", "")
    if state.world.cloud and not asked:
        raise refusal(400, "The 'permissions' query parameter is required.")
    names = asked.split(",") if asked else ["BROWSE_PROJECTS", "USER_PICKER", "CREATE_ISSUES"]
    home = home_of(state, request.query_params["projectId"]) if "projectId" in request.query_params else None
    lacking = {"USER_PICKER"} if state.faults.no_user_browsing else set()
    lacking |= {"BROWSE_PROJECTS"} if home is not None and home.hidden else set()
    return {
        "permissions": {
            name: {
                "id": str(n),
                "key": name,
                "name": name.title(),
                "type": "GLOBAL",
                "description": "",
                "havePermission": name not in lacking,
            }
            for n, name in enumerate(names)
        }
    }


def _shown(state: State, home: Any, expand: str) -> dict[str, Any]:
    shown = {
        "self": f"{SITE}/rest/api/3/project/{home.id}",
        "id": str(home.id),
        "key": home.key,
        "name": home.name,
        "projectTypeKey": "software",
        "style": "classic",
        "simplified": False,
        "isPrivate": False,
        **home.data,
    }
    if not state.world.cloud:
        for name in ("style", "simplified", "isPrivate"):
            shown.pop(name)
    if "lead" in expand and home.lead:
        shown["lead"] = {k: v for k, v in home.lead.items() if k not in ("emailAddress", "timeZone")}
    if "projectKeys" in expand:
        shown["projectKeys"] = [*home.old_keys, home.key]
    if home.archived:
        shown["archived"] = True
    if home.deleted:
        shown["deleted"] = True
    return shown


def project_search(state: State, request: Request, body: Any) -> Any:
    query = request.query_params
    start, size = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), 100)
    wanted = {part for value in query.getlist("status") for part in value.split(",")} or {"live"}
    ids = query.getlist("id")
    homes = [
        home
        for home in state.world.projects.values()
        if (not home.hidden or (home.administered and query.get("action", "view") == "view"))
        and ("deleted" if home.deleted else "archived" if home.archived else "live") in wanted
        and (not ids or str(home.id) in ids)
        and not state.faults.empty_everything
    ]
    homes.sort(key=lambda home: home.key)
    shown = [_shown(state, home, query.get("expand", "")) for home in homes[start : start + size]]
    return {
        "self": f"{SITE}/search",
        "maxResults": size,
        "startAt": start,
        "total": len(homes),
        "isLast": start + len(shown) >= len(homes),
        "values": shown,
    }


def project_list(state: State, request: Request, body: Any) -> Any:
    expand = request.query_params.get("expand", "")
    return [
        _shown(state, home, expand)
        for home in state.world.projects.values()
        # Those too that the account merely administers.
        if (home.listed or (home.hidden and home.administered)) and not state.faults.empty_everything
    ]


def project_one(state: State, request: Request, body: Any) -> Any:
    home = home_of(state, request.path_params["name"])
    if home.deleted:
        raise refusal(404, f"No project could be found with key '{home.key}'.")
    return _shown(state, home, "description,lead," + request.query_params.get("expand", ""))


def security_scheme(state: State, request: Request, body: Any) -> Any:
    home = home_of(state, request.path_params["name"])
    if state.faults.no_project_administration:
        raise refusal(403, "You do not have permission to administer this project.")
    if not home.secured:
        raise refusal(404, "The project has no issue security scheme.")
    level = {
        "id": "10021",
        "self": f"{SITE}/rest/api/3/securitylevel/10021",
        "name": "Staff only",
        "description": "Only internal staff can see this issue.",
    }
    return {
        "id": 10000,
        "self": f"{SITE}/rest/api/3/issuesecurityschemes/10000",
        "name": "Default Issue Security Scheme",
        "description": "",
        "defaultSecurityLevelId": 10021,
        "levels": [level],
    }


def versions(state: State, request: Request, body: Any) -> Any:
    return home_of(state, request.path_params["name"]).versions


def version_one(state: State, request: Request, body: Any) -> Any:
    for home in state.world.projects.values():
        for version in home.versions:
            if version["id"] == request.path_params["name"] and home.listed:
                return version
    raise refusal(404, "Could not find version for id.")


def users_search(state: State, request: Request, body: Any) -> Any:
    if state.faults.no_user_browsing:
        raise refusal(403, "You do not have the permission to browse users.")
    query = request.query_params
    if not state.world.cloud and "username" not in query:
        raise refusal(400, "The username query parameter was not provided")
    start, size = int(query.get("startAt", 0)), min(int(query.get("maxResults", 50)), 1000)
    return list(state.world.users.values())[start : start + size]


def user_one(state: State, request: Request, body: Any) -> Any:
    query = request.query_params
    found = state.world.users.get(query.get("accountId") or query.get("key") or "")
    if not found:
        raise refusal(404, "The user does not exist.")
    return found


def plain(name: str) -> Handler:
    def handler(state: State, request: Request, body: Any) -> Any:
        found = getattr(state.world, name)
        return list(found.values()) if isinstance(found, dict) else found

    return handler


def link_types(state: State, request: Request, body: Any) -> Any:
    return {"issueLinkTypes": state.world.link_types}
