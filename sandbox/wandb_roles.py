"""SCIM Roles, a W&B-only resource: the custom roles of an organization.

Source: https://docs.wandb.ai/platform/hosting/iam/scim ("Custom role management"). The predefined
roles `admin`, `member` and `viewer` are not listed, and answers carry `"schemas": [""]`.
"""

from dataclasses import replace
from typing import Any

from sandbox.wandb_records import (
    INHERITED_PERMISSIONS,
    CustomRole,
    Problem,
    opaque,
    stamp,
)
from sandbox.wandb_rules import Rules
from sandbox.wandb_scim import match_tag, operations
from sandbox.wandb_wire import Reply, Request, listing, tag


def list_roles(request: Request) -> Reply:
    """`GET /Roles`; W&B documents no filter here, so any is refused."""
    if request.query.get("filter"):
        raise Problem(400, "Unsupported filter")
    world = request.world
    return listing(request, (_shown(world, role) for role in world.state.roles.values()))


def get_role(request: Request) -> Reply:
    """`GET /Roles/{id}`."""
    role = _role(request)
    return Reply(200, _shown(request.world, role), role.version)


def create_role(request: Request) -> Reply:
    """`POST /Roles`. The printed answer has `lastModified`, unlike that of a new user."""
    world, body = request.world, request.body
    name, inherits = body.get("name"), body.get("inheritedFrom")
    if not isinstance(name, str) or not name:
        raise Problem(400, "name is required")
    own = _permissions(body.get("permissions", []))
    number, now = world.next_number("Role"), world.clock()
    description = str(body.get("description", ""))
    role = CustomRole(opaque("Role", number), name, description, _base(inherits), own, now, now, 0)
    role = world.store_role(role)
    return Reply(201, _shown(world, role), role.version)


def put_role(request: Request) -> Reply:
    """`PUT /Roles/{id}`: everything, or on older servers all but the permissions."""
    world, role, body = request.world, _role(request), request.body
    match_tag(request, role.version)
    name, description = body.get("name", role.name), body.get("description", role.description)
    if not isinstance(name, str) or not isinstance(description, str):
        raise Problem(400, "name and description must be strings")
    own = role.permissions
    if world.profile.role_put == "replace":
        own = _permissions(body.get("permissions", []))
    inherits = _base(body.get("inheritedFrom", role.inherits))
    world.store_role(
        replace(role, name=name, description=description, inherits=inherits, permissions=own)
    )
    return get_role(request)


def patch_role(request: Request) -> Reply:
    """`PATCH /Roles/{id}`: permissions only. Here a removal does take a value list."""
    world = request.world
    match_tag(request, _role(request).version)
    for op, path, value in operations(request.body):
        if path != "permissions" or op == "replace":
            raise Problem(400, "unknown path or operation")
        role, given = _role(request), _permissions(value)
        kept = tuple(name for name in role.permissions if name not in given)
        world.store_role(replace(role, permissions=kept + given if op == "add" else kept))
    return get_role(request)


def delete_role(request: Request) -> Reply:
    """`DELETE /Roles/{id}`: its holders fall back to the inherited role."""
    request.world.delete_role(_role(request))
    return Reply(204)


def _role(request: Request) -> CustomRole:
    if request.key not in request.world.state.roles:
        raise Problem(404, "Role not found")
    return request.world.state.roles[request.key]


def _base(value: Any) -> str:
    if not isinstance(value, str) or value not in INHERITED_PERMISSIONS:
        raise Problem(400, "inheritedFrom must be member or viewer")
    return value


def _permissions(value: Any) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(str(item["name"]) for item in value))
    except (TypeError, KeyError):
        raise Problem(400, "permissions must be an array of names") from None


def _shown(world: Rules, role: CustomRole) -> dict[str, Any]:
    meta = {
        "resourceType": "Role",
        "created": stamp(role.created),
        "location": f"Roles/{role.id}",
    }
    if role.modified is not None:
        meta["lastModified"] = stamp(role.modified)
    if world.profile.etags:
        meta["version"] = tag(role.version)
    inherited = INHERITED_PERMISSIONS[role.inherits]
    own = [name for name in role.permissions if name not in inherited]
    return {
        "description": role.description,
        "id": role.id,
        "inheritedFrom": role.inherits,
        "meta": meta,
        "name": role.name,
        "organizationID": world.state.organization,
        "permissions": [
            *({"name": name, "isInherited": True} for name in inherited),
            *({"name": name, "isInherited": False} for name in own),
        ],
        "schemas": [""],
    }
