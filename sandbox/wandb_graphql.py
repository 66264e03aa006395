"""The GraphQL operations that the W&B SDK uses for users and teams.

Source: https://github.com/wandb/wandb, `wandb/apis/public` and `tools/graphql_codegen/api`. The
SDK gives each mutation the alias `result`. No operation changes the role of a member: only SCIM
does.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sandbox.wandb_records import Invite, Key, Problem, Team, User, opaque, stamp
from sandbox.wandb_rules import ORGANIZATION_ID
from sandbox.wandb_selection import BadQueryError, Operation, chosen, parse
from sandbox.wandb_wire import Answer, Call, Reply, to_answer
from sandbox.wandb_world import WandbWorld

SDK_AGENT = "W&B Public Client"


class _Denied(Exception):
    """Answered with status 200 and an `errors` list."""


def operation_of(call: Call) -> Operation | None:
    """The operation in a call's body, or None if there is none that can be read."""
    body = call.json()
    query = body.get("query") if isinstance(body, dict) else None
    try:
        return parse(query) if isinstance(query, str) else None
    except BadQueryError:
        return None


def answer_graphql(world: WandbWorld, key: Key, call: Call) -> Answer:
    """Answer `POST /graphql`."""
    operation = operation_of(call)
    if operation is None:
        return _json(400, {"errors": [{"message": "syntax error"}]})
    if world.profile.graphql == "relogin" and not call.header("user-agent").startswith(SDK_AGENT):
        return _json(401, {"errors": [{"message": "relogin required"}]})  # status assumed
    given = call.json().get("variables")
    variables = given if isinstance(given, dict) else {}
    data: dict[str, Any] = {}
    for root in operation.fields:
        resolve = _ROOTS.get(root.name)
        if resolve is None:
            message = f'Cannot query field "{root.name}"'
            return _json(400, {"errors": [{"message": message}]})
        try:
            if world.profile.graphql == "silent":
                raise _Denied
            data[root.key] = chosen(
                resolve(world, key.owner, root.values(variables)), root.children
            )
        except BadQueryError as error:
            return _json(400, {"errors": [{"message": str(error)}]})
        except _Denied:
            denied = {"message": "permission denied", "path": [root.key]}
            return _json(200, {"errors": [denied], "data": {root.key: None}})
    return _json(200, {"data": data})


def _entity(world: WandbWorld, caller: User, given: Mapping[str, Any]) -> Any:
    team = _team(world, given.get("name"))
    if team is None:
        return None
    if not _manages(caller) and caller.id not in team.members:
        raise _Denied
    people = [world.state.users[user_id] for user_id in team.members]
    members = [_member(user, admin=team.members[user.id] == "admin") for user in people]
    return {
        **_team_stub(team),
        "readOnly": False,
        "readOnlyAdmin": False,
        "isTeam": True,
        "entityType": "team",
        "privateOnly": False,
        "storageBytes": "0",
        "codeSavingEnabled": True,
        "defaultAccess": "USER_WRITE",
        "isPaid": True,
        "members": [*members, *(_pending(world, invite) for invite in team.invites)],
    }


def _create_team(world: WandbWorld, caller: User, given: Mapping[str, Any]) -> Any:
    _require_admin(caller)
    name, admin = given.get("teamName"), given.get("teamAdminUserName")
    if _team(world, name) is not None:
        raise Problem(409, "resource already exists")
    owner = _named(world, admin) if admin else caller if caller.kind == "USER" else None
    team = world.create_team(str(name), {owner.id: "admin"} if owner else {})
    return {"entity": {**_team_stub(team), "limits": None}}


def _create_invite(world: WandbWorld, caller: User, given: Mapping[str, Any]) -> Any:
    team, email = _team(world, given.get("entityName")), given.get("email")
    if team is None:
        raise Problem(404, "team not found")
    if not _manages(caller) and team.members.get(caller.id) != "admin":
        raise _Denied
    user = _named(world, given.get("username")) if not email else _known(world, email)
    address = email or (user.email if user else None) or ""
    taken = {invite.email.casefold() for invite in team.invites}
    if address.casefold() in taken or (user is not None and user.id in team.members):
        raise Problem(409, "resource already exists")
    invite_id = opaque("Invite", world.next_number("Invite"))
    user_id = user.id if user else ""
    invite = Invite(invite_id, address, user_id, bool(given.get("admin")))
    world.store_team(replace(team, invites=(*team.invites, invite)))
    world.audit("team:invite_user", user, team)
    made = {
        "id": invite.id,
        "name": user.username if user else None,
        "email": address,
        "createdAt": stamp(world.clock()),
        "toUser": {"name": user.display_name} if user else None,
    }
    return {"invite": made}


def _delete_invite(world: WandbWorld, caller: User, given: Mapping[str, Any]) -> Any:
    team, wanted = _team(world, given.get("entityName")), given.get("id")
    if team is None:
        raise Problem(404, "team not found")
    if not _manages(caller) and team.members.get(caller.id) != "admin":
        raise _Denied
    kept = tuple(i for i in team.invites if wanted not in (i.id, i.user_id))
    if len(kept) != len(team.invites):
        world.store_team(replace(team, invites=kept))
        world.audit("team:uninvite", team=team)
    elif wanted in team.members:
        world.remove_members(team, [world.user(str(wanted))])
    else:
        raise Problem(404, "resource not found")
    return {"success": True}


def _create_service_account(world: WandbWorld, caller: User, given: Mapping[str, Any]) -> Any:
    team = _team(world, given.get("entityName"))
    if team is None:
        raise Problem(404, "team not found")
    if not _manages(caller) and team.members.get(caller.id) != "admin":
        raise _Denied
    user = world.create_user(str(given.get("description")), (), kind="SERVICE")
    world.add_members(team, [user])
    return {"user": {"id": user.id}}


def _create_user(world: WandbWorld, caller: User, given: Mapping[str, Any]) -> Any:
    _require_admin(caller)
    if world.profile.deployment == "mt":
        raise _Denied
    email = str(given.get("email"))
    if _known(world, email) is not None:
        raise Problem(409, "resource already exists")
    user = world.create_user(email.partition("@")[0], (email,))
    admin = bool(given.get("admin"))
    user = world.store_user(replace(user, org_role="admin" if admin else "member"))
    return {"user": _node(world, user)}


def _users(world: WandbWorld, caller: User, given: Mapping[str, Any]) -> Any:
    _require_admin(caller)
    part = str(given.get("query") or "").casefold()
    found = [
        user
        for user in world.everyone()
        if part in user.username.casefold() or part in (user.email or "").casefold()
    ]
    return {"edges": [{"node": _node(world, user)} for user in found]}


def _viewer(world: WandbWorld, caller: User, _given: Mapping[str, Any]) -> Any:
    return _node(world, caller)


def _organization(world: WandbWorld, _caller: User, given: Mapping[str, Any]) -> Any:
    name = given.get("name")
    if name not in (None, world.organization) or world.state.organization != ORGANIZATION_ID:
        return None
    org_entity = {
        "__typename": "Entity",
        "id": opaque("Entity", 5000),
        "name": f"{world.organization}-org",
        "entityType": "organization",
    }
    return {
        "id": world.state.organization,
        "name": world.organization,
        "orgEntity": org_entity,
    }


_ROOTS: Mapping[str, Callable[[WandbWorld, User, Mapping[str, Any]], Any]] = {
    "entity": _entity,
    "createTeam": _create_team,
    "createInvite": _create_invite,
    "deleteInvite": _delete_invite,
    "createServiceAccount": _create_service_account,
    "createUser": _create_user,
    "users": _users,
    "viewer": _viewer,
    "organization": _organization,
}


def _manages(caller: User) -> bool:
    return caller.org_role == "admin" or caller.kind == "ORG_SERVICE"


def _require_admin(caller: User) -> None:
    if not _manages(caller):
        raise _Denied


def _team(world: WandbWorld, name: object) -> Team | None:
    return next((team for team in world.state.teams.values() if team.name == name), None)


def _known(world: WandbWorld, email: str) -> User | None:
    return next((user for user in world.everyone() if user.answers_to(email)), None)


def _named(world: WandbWorld, username: object) -> User:
    for user in world.everyone():
        if user.username == username:
            return user
    raise Problem(404, "user not found")


def _team_stub(team: Team) -> dict[str, Any]:
    return {"id": team.id, "name": team.name, "available": False, "photoUrl": ""}


def _member(user: User, *, admin: bool) -> dict[str, Any]:
    person = user.kind == "USER"
    return {
        "id": user.id,
        "admin": admin,
        "pending": False,
        "email": user.email,
        "username": user.username,
        "name": user.display_name,
        "photoUrl": "",
        "accountType": "USER" if person else "SERVICE",
        # W&B shows a service account's key to admins here. A client must never log it.
        "apiKey": None if person else f"secret-of-{user.username}",
    }


def _pending(world: WandbWorld, invite: Invite) -> dict[str, Any]:
    user = world.state.users.get(invite.user_id)
    return {
        "id": invite.user_id or invite.id,
        "admin": invite.admin,
        "pending": True,
        "email": invite.email,
        "username": user.username if user else None,
        "name": user.display_name if user else None,
        "photoUrl": "",
        "accountType": "USER",
        "apiKey": None,
    }


def _node(world: WandbWorld, user: User) -> dict[str, Any]:
    teams = [{"node": {"name": team.name}} for team, _ in world.team_roles(user)]
    gone = not user.active and user.modified is not None
    return {
        "id": user.id,
        "name": user.display_name,
        "username": user.username,
        "email": user.email,
        "admin": user.org_role == "admin",
        "flags": None,
        "entity": user.username.replace(".", "-"),
        "deletedAt": stamp(user.modified) if gone and user.modified else None,
        "apiKeys": {"edges": []},
        "teams": {"edges": teams},
    }


def _json(status: int, body: Any) -> Answer:
    return to_answer(Reply(status, body), "application/json", etags=False)
