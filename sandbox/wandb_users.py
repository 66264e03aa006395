"""SCIM Users: listing, reading, creating and deleting persons and service accounts.

Source: https://docs.wandb.ai/platform/hosting/iam/scim ("User management").
"""

import re
from typing import Any

from sandbox.wandb_records import AccountKind, Problem
from sandbox.wandb_scim import emails_in, quoted, seat
from sandbox.wandb_user_view import ROLE_KEYS, as_read, as_service_account, attributes, plain
from sandbox.wandb_wire import TEAMS_SCHEMA, USER_SCHEMA, Reply, Request, listing

_FILTER = re.compile(r'(userName|emails\.value) eq ("(?:[^"\\]|\\.)*")')


def list_users(request: Request) -> Reply:
    """`GET /Users`, with one of the two documented filters or none."""
    world = request.world
    shown = [
        user
        for user in world.everyone()
        if user.kind == "USER" or world.profile.list_service_accounts
    ]
    if request.query.get("filter"):
        found = _FILTER.fullmatch(request.query["filter"])
        if found is None:
            raise Problem(400, "Unsupported filter")
        wanted = quoted(found[2])
        if found[1] == "userName":
            shown = [user for user in shown if user.username.casefold() == wanted.casefold()]
        else:
            shown = [user for user in shown if user.answers_to(wanted)]
    return listing(request, (as_read(world, user, in_list=True) for user in shown))


def get_user(request: Request) -> Reply:
    """`GET /Users/{id or email}`."""
    user = request.world.user(request.key)
    if user.kind != "USER" and not request.world.profile.list_service_accounts:
        raise Problem(404, "User not found")
    return Reply(200, as_read(request.world, user), user.version)


def create_user(request: Request) -> Reply:
    """`POST /Users` for a person or a service account."""
    if request.body.get("accountType") not in (None, "USER"):
        return _create_service_account(request)
    world, body = request.world, request.body
    username, emails = body.get("userName"), emails_in(body.get("emails"))
    if not isinstance(username, str) or not username:
        raise Problem(400, "userName is required")
    if not emails:
        raise Problem(400, "emails is required")
    extension = body.get(TEAMS_SCHEMA)
    names = _names(extension.get("teams", []) if isinstance(extension, dict) else [])
    # Single-tenant W&B ignores the teams extension for people.
    teams = [world.team_named(name) for name in names] if world.profile.deployment == "mt" else []
    display = body.get("displayName")
    user = world.create_user(
        username,
        emails,
        display_name=display if isinstance(display, str) else "",
        models_seat=seat(body.get("modelsSeat", "full")),
        weave_role=seat(body.get("weaveRole", "full")),
    )
    for team in teams:
        world.add_members(team, [user])
    user = world.user(user.id)
    shown = plain(world, user)
    del shown["meta"]["lastModified"]
    if world.profile.seat_fields:
        shown |= attributes(world, user, ("modelsSeat", "weaveRole"))
    if world.profile.deployment == "mt":
        shown |= attributes(world, user, ("organizationRole", "teamRoles", "groups"))
        shown["schemas"] = [USER_SCHEMA, TEAMS_SCHEMA]
    return Reply(201, shown, user.version)


def _create_service_account(request: Request) -> Reply:
    world, body = request.world, request.body
    kind: AccountKind
    match body.get("accountType"):
        case "SERVICE":
            kind = "SERVICE"
        case "ORG_SERVICE":
            kind = "ORG_SERVICE"
        case _:
            raise Problem(400, "unknown accountType")
    if not world.profile.list_service_accounts:
        raise Problem(400, "accountType is not supported")
    for name in ("modelsSeat", "weaveRole"):
        if name in body:
            raise Problem(400, f"{name} is not supported for service accounts")
    if not isinstance(body.get("userName"), str) or not body["userName"]:
        raise Problem(400, "userName is required")
    extension = body.get(TEAMS_SCHEMA)
    chosen = extension if isinstance(extension, dict) else {}
    default = world.team_named(chosen.get("defaultTeam"), "defaultTeam is missing or invalid")
    names = [default.name]
    if world.profile.deployment == "mt":
        names = _names(chosen.get("teams", names))
    teams = [world.team_named(name) for name in names]
    if default not in teams:
        raise Problem(400, "teams must include defaultTeam")
    user = world.create_user(body["userName"], (), kind=kind)
    for team in teams:
        world.add_members(team, [user])
    user = world.user(user.id)
    shown = plain(world, user) | attributes(world, user, ROLE_KEYS)
    return Reply(201, as_service_account(shown), user.version)


def delete_user(request: Request) -> Reply:
    """`DELETE /Users/{id}`: final, also for the last admin."""
    request.world.delete_user(request.world.user_by_id(request.key))
    return Reply(204)


def put_user(request: Request) -> Reply:
    """`PUT /Users/{id}` is documented for nobody (405 for people is assumed)."""
    if request.world.user_by_id(request.key).kind != "USER":
        raise Problem(400, "operation not supported for service accounts")
    raise Problem(405, "Method not allowed")


def _names(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Problem(400, "teams must be an array")
    return value
