"""How a SCIM User looks in the answers of each kind of W&B server.

Source: the printed answers of https://docs.wandb.ai/platform/hosting/iam/scim ("User management").
"""

from collections.abc import Iterable
from typing import Any

from sandbox.wandb_records import User, stamp
from sandbox.wandb_rules import Rules
from sandbox.wandb_wire import USER_SCHEMA, WANDB_SCHEMA, tag

ROLE_KEYS = ("teamRoles", "organizationRole")
SEAT_KEYS = ("modelsSeat", "weaveRole")


def as_read(world: Rules, user: User, *, in_list: bool = False) -> dict[str, Any]:
    """A user as GET and lists show it."""
    profile, shown = world.profile, plain(world, user)
    if user.kind != "USER":
        if profile.get_returns_roles == "all" or not in_list:
            shown = as_service_account(shown | attributes(world, user, ROLE_KEYS))
        return shown
    if profile.activity_fields:
        shown["daysActive"] = user.days_active
        shown["lastActiveAt"] = stamp(user.last_active) if user.last_active else None
    if in_list and profile.list_service_accounts:
        shown["accountType"] = "USER"
    match profile.get_returns_roles:
        case "all":
            keys = (
                *ROLE_KEYS,
                "registryRoles",
                "groups",
                *(SEAT_KEYS if profile.seat_fields else ()),
            )
            shown |= attributes(world, user, keys)
        case "groups_only":
            shown |= attributes(world, user, ("groups",))
        case "none":
            pass
    return shown


def plain(world: Rules, user: User) -> dict[str, Any]:
    """The attributes that every answer with a user has."""
    meta = {"resourceType": "User", "created": stamp(user.created), "location": f"Users/{user.id}"}
    if user.kind == "USER":
        meta["lastModified"] = stamp(user.modified or user.created)
    if world.profile.etags:
        meta["version"] = tag(user.version)
    shown: dict[str, Any] = {
        "active": user.active,
        "displayName": user.display_name,
        "id": user.id,
        "meta": meta,
        "schemas": [USER_SCHEMA],
        "userName": user.username,
    }
    if user.kind != "USER":
        shown["accountType"] = user.kind
    elif world.profile.emails_shape == "object":
        shown["emails"] = {"Value": user.email, "Display": "", "Type": "", "Primary": True}
    else:
        kept = user.emails if world.profile.deployment == "mt" else user.emails[:1]
        shown["emails"] = [{"primary": e == user.email, "value": e} for e in kept]
    return shown


def attributes(world: Rules, user: User, keys: Iterable[str]) -> dict[str, Any]:
    """The named optional attributes; `registryRoles` without any and unset access stay out."""
    held = world.team_roles(user)
    every: dict[str, Any] = {
        "teamRoles": [{"teamName": team.name, "roleName": role} for team, role in held],
        "organizationRole": user.org_role,
        "modelsSeat": user.models_seat,
        "weaveRole": user.weave_role,
        "groups": [{"value": team.id} for team, _ in held],
    }
    if user.registry_roles:
        pairs = user.registry_roles.items()
        every["registryRoles"] = [{"registryName": name, "roleName": role} for name, role in pairs]
    if user.registry_access is not None:
        every["registryAccess"] = user.registry_access
    return {key: every[key] for key in keys if key in every}


def as_service_account(shown: dict[str, Any]) -> dict[str, Any]:
    """What W&B adds for a service account: the role once more, under its own schema."""
    extension = {"organizationRole": shown["organizationRole"]}
    return {**shown, "schemas": [USER_SCHEMA, WANDB_SCHEMA], WANDB_SCHEMA: extension}
