"""`PATCH /Users/{id}`: the changes that W&B allows to a person.

Source: https://docs.wandb.ai/platform/hosting/iam/scim ("User management"). The answer shows the
attributes that belong to what was changed, as every printed answer does.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sandbox.wandb_records import Problem, User
from sandbox.wandb_rules import Rules
from sandbox.wandb_scim import emails_in, match_tag, operations, seat
from sandbox.wandb_user_view import ROLE_KEYS, SEAT_KEYS, attributes, plain
from sandbox.wandb_wire import PATCH_SCHEMA, Reply, Request

_ONE_REGISTRY = re.compile(r'registryRoles\[registryName eq "([^"]*)"\]')
_REACTIVATION = "User reactivation operations are not supported in SaaS Cloud"  # W&B's own words

# The attributes that a PATCH answer adds to the plain user, by what was changed.
_SEATS = ("organizationRole", *SEAT_KEYS)
_SHOWN_AFTER: Mapping[str, tuple[str, ...]] = {
    "emails": (),
    "displayName": (),
    "active": (),
    "organizationRole": ROLE_KEYS,
    "teamRoles": ROLE_KEYS,
    "modelsSeat": _SEATS,
    "weaveRole": _SEATS,
    "registryAccess": (*_SEATS, "registryAccess"),
    "registryRoles": ("registryRoles", "organizationRole"),
    "viewer": (*ROLE_KEYS, *_SEATS),
}


def patch_user(request: Request) -> Reply:
    """`PATCH /Users/{id}`: all operations or none."""
    world = request.world
    user = world.user_by_id(request.key)
    match_tag(request, user.version)
    if user.kind != "USER":
        raise Problem(400, "operation not supported for service accounts")
    shown: dict[str, None] = {}
    for op, path, value in operations(request.body):
        changes = value if path is None and isinstance(value, dict) else {path or "": value}
        for attribute, wanted in changes.items():
            touched = _change(world, world.state.users[user.id], op, attribute, wanted)
            shown |= dict.fromkeys(_SHOWN_AFTER[touched])
    user = world.state.users.get(user.id, user)
    if not user.in_org:
        # Multi-tenant W&B prints this odd echo for a deactivation.
        echo = [{"op": "replace", "value": {"active": True}}]
        return Reply(200, {"schemas": [PATCH_SCHEMA], "Operations": echo})
    wanted_keys = [key for key in shown if world.profile.seat_fields or key not in SEAT_KEYS]
    return Reply(200, plain(world, user) | attributes(world, user, wanted_keys), user.version)


def _change(world: Rules, user: User, op: str, attribute: str, value: Any) -> str:
    """Apply one change; gives the key of `_SHOWN_AFTER` that says what the answer shows."""
    if attribute.startswith("registryRoles"):
        world.store_user(replace(user, registry_roles=_registries(user, op, attribute, value)))
        world.audit("organization:update_member", user)
        return "registryRoles"
    if op == "remove" or attribute not in _CHANGES:
        raise Problem(400, "unknown path or operation")
    return _CHANGES[attribute](world, user, value)


def _change_emails(world: Rules, user: User, value: Any) -> str:
    if world.profile.deployment == "mt":
        raise Problem(400, "User email update operations are not supported in SaaS Cloud")
    emails = emails_in(value)
    if not emails:
        raise Problem(400, "emails is required")
    world.refuse_taken("", emails, but=user.id)
    world.store_user(replace(user, emails=tuple(emails[:1])))  # single-tenant keeps one email
    world.audit("user:update", user)
    return "emails"


def _change_display_name(world: Rules, user: User, value: Any) -> str:
    if world.profile.deployment == "mt":
        raise Problem(400, "User display name update operations are not supported in SaaS Cloud")
    if not isinstance(value, str):
        raise Problem(400, "displayName must be a string")
    world.store_user(replace(user, display_name=value))
    world.audit("user:update", user)
    return "displayName"


def _change_active(world: Rules, user: User, value: Any) -> str:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        match world.profile.string_boolean:
            case "reject":
                raise Problem(400, "active must be a boolean")
            case "ignore":
                return "active"
            case "accept":
                value = value.lower() == "true"
    if not isinstance(value, bool):
        raise Problem(400, "active must be a boolean")
    if value and world.profile.deployment == "mt":
        raise Problem(400, _REACTIVATION)
    world.set_active(user, value)
    return "active"


def _change_org_role(world: Rules, user: User, value: Any) -> str:
    role = value.lower() if isinstance(value, str) else value
    if role == "viewer":
        world.make_viewer(user)
        return "viewer"
    if role not in ("admin", "member"):
        raise Problem(400, "unknown role")
    world.store_user(replace(user, org_role=role))
    world.audit("organization:update_member", user)
    return "organizationRole"


def _change_team_roles(world: Rules, user: User, value: Any) -> str:
    if not isinstance(value, list) or not all(isinstance(pair, dict) for pair in value):
        raise Problem(400, "teamRoles must be an array")
    pairs = [
        (world.team_named(p.get("teamName")), world.role_named(p.get("roleName"))) for p in value
    ]
    world.set_team_roles(user, {team.id: role for team, role in pairs})
    return "teamRoles"


def _change_models_seat(world: Rules, user: User, value: Any) -> str:
    world.set_models_seat(user, seat(value))
    return "modelsSeat"


def _change_weave_role(world: Rules, user: User, value: Any) -> str:
    world.store_user(replace(user, weave_role=seat(value)))
    world.audit("organization:update_member", user)
    return "weaveRole"


def _change_registry_access(world: Rules, user: User, value: Any) -> str:
    if not isinstance(value, str):
        raise Problem(400, "registryAccess must be a string")
    world.store_user(replace(user, registry_access=value))
    world.audit("organization:update_member", user)
    return "registryAccess"


_CHANGES: Mapping[str, Callable[[Rules, User, Any], str]] = {
    "emails": _change_emails,
    "displayName": _change_display_name,
    "active": _change_active,
    "organizationRole": _change_org_role,
    "teamRoles": _change_team_roles,
    "modelsSeat": _change_models_seat,
    "weaveRole": _change_weave_role,
    "registryAccess": _change_registry_access,
}


def _registries(user: User, op: str, path: str, value: Any) -> dict[str, str]:
    """Registry roles after a change; W&B's examples write `replace` for all of them."""
    one = _ONE_REGISTRY.fullmatch(path)
    if one is not None:
        return {name: role for name, role in user.registry_roles.items() if name != one[1]}
    if path != "registryRoles":
        raise Problem(400, "unknown path or operation")
    if op == "remove":
        return {}
    try:
        given = {str(pair["registryName"]): str(pair["roleName"]) for pair in value}
    except (TypeError, KeyError):
        raise Problem(400, "registryRoles must be an array of pairs") from None
    return {**user.registry_roles, **given}
