"""SCIM Groups, which are W&B teams.

Source: https://docs.wandb.ai/platform/hosting/iam/scim ("Team management"). Groups show no roles
and no service accounts, and deactivated persons stay in them on single-tenant W&B.
"""

import re
from collections.abc import Iterable
from typing import Any

from sandbox.wandb_records import Problem, Team, User, stamp
from sandbox.wandb_rules import Rules
from sandbox.wandb_scim import match_tag, operations, quoted
from sandbox.wandb_wire import GROUP_SCHEMA, Reply, Request, empty_as, listing, tag

_FILTER = re.compile(r'displayName eq ("(?:[^"\\]|\\.)*")')
_ONE_MEMBER = re.compile(r'members\[value eq ("(?:[^"\\]|\\.)*")\]')
_PROVIDERS = ("COREWEAVE", "AWS", "AZURE", "GCP", "MINIO")


def list_groups(request: Request) -> Reply:
    """`GET /Groups`, with the documented filter or none."""
    teams = list(request.world.state.teams.values())
    if request.query.get("filter"):
        found = _FILTER.fullmatch(request.query["filter"])
        if found is None:
            raise Problem(400, "Unsupported filter")
        teams = [team for team in teams if team.name == quoted(found[1])]
    return listing(request, (_shown(request.world, team) for team in teams))


def get_group(request: Request) -> Reply:
    """`GET /Groups/{id}`."""
    team = request.world.team(request.key)
    return Reply(200, _shown(request.world, team), team.version)


def create_group(request: Request) -> Reply:
    """`POST /Groups`. Listed people become `member`; nobody becomes admin (assumed)."""
    world, body = request.world, request.body
    name = body.get("displayName")
    if not isinstance(name, str) or not name:
        raise Problem(400, "displayName is required")
    members = _people(world, body.get("members"))
    _check_bucket(world, body.get("storageBucket"))
    team = world.create_team(name, {user.id: "member" for user in members})
    return Reply(201, _shown(world, team), team.version)


def put_group(request: Request) -> Reply:
    """`PUT /Groups/{id}` replaces everybody; a new name is ignored, names are permanent."""
    world, team = request.world, request.world.team(request.key)
    match_tag(request, team.version)
    _replace(world, team, _people(world, request.body.get("members")))
    return get_group(request)


def patch_group(request: Request) -> Reply:
    """`PATCH /Groups/{id}`: all operations or none."""
    world = request.world
    match_tag(request, world.team(request.key).version)
    terse = False
    for op, path, value in operations(request.body):
        if path is None:
            if not world.profile.pathless_group_patch or not isinstance(value, dict):
                raise Problem(400, "path is required")
            if "members" not in value:
                continue  # an identity provider pushes a name, which cannot change
            path, value = "members", value["members"]
        terse = _change(world, world.team(request.key), op, path, value)
    team = world.team(request.key)
    return Reply(200, _shown(world, team, terse=terse), team.version)


def delete_group(request: Request) -> Reply:
    """`DELETE /Groups/{id}` is documented as unsupported (405 is assumed)."""
    request.world.team(request.key)
    raise Problem(405, "Team deletion is not supported")


def _change(world: Rules, team: Team, op: str, path: str, value: Any) -> bool:
    """Apply one operation; true when W&B's printed answer leaves out `Ref` and `Type`."""
    one = _ONE_MEMBER.fullmatch(path)
    if one is not None and op == "remove":
        world.remove_members(team, [world.user(quoted(one[1]))])
        return True
    if path != "members":
        if path == "displayName":
            return False  # team names are permanent
        raise Problem(400, "unknown path")
    if op == "add":
        world.add_members(team, _people(world, value))
    elif op == "replace":
        _replace(world, team, _people(world, value))
    elif value and world.profile.bare_remove_with_value == "one":
        world.remove_members(team, _people(world, value))
    else:
        world.remove_members(team, world.persons_of(team))
    return False


def _replace(world: Rules, team: Team, people: list[User]) -> None:
    staying = {user.id for user in people}
    world.remove_members(team, [u for u in world.persons_of(team) if u.id not in staying])
    world.add_members(world.team(team.id), people)


def _people(world: Rules, value: Any) -> list[User]:
    """The persons that a `members` list names by id or email. Service accounts are refused."""
    if not isinstance(value, list):
        raise Problem(400, "members is required")
    people = []
    for item in value:
        ref = item.get("value") if isinstance(item, dict) else None
        if not isinstance(ref, str):
            raise Problem(400, "a member needs a value")
        user = world.user(ref)
        if user.kind != "USER":
            raise Problem(400, "operation not supported for service accounts")
        people.append(user)
    return people


def _check_bucket(world: Rules, bucket: Any) -> None:
    if bucket is None:
        return
    provider = bucket.get("provider") if isinstance(bucket, dict) else None
    if provider not in _PROVIDERS:
        allowed = ", ".join(_PROVIDERS)
        raise Problem(400, f"invalid storageBucket.provider: must be one of {allowed}")
    if bucket.get("name") in world.unreachable_buckets:
        raise Problem(400, "storage bucket validation failed")


def _shown(world: Rules, team: Team, *, terse: bool = False) -> dict[str, Any]:
    meta = {
        "resourceType": "Group",
        "created": stamp(team.created),
        "lastModified": stamp(team.modified),
        "location": f"Groups/{team.id}",
    }
    if world.profile.etags:
        meta["version"] = tag(team.version)
    members = list(_members(world, world.persons_of(team), terse=terse))
    return {
        "displayName": team.name,
        "id": team.id,
        "members": empty_as(world.profile.empty_list, members),
        "meta": meta,
        "schemas": [GROUP_SCHEMA],
    }


def _members(world: Rules, people: Iterable[User], *, terse: bool) -> Iterable[dict[str, str]]:
    for user in people:
        if world.profile.members_case == "lower":
            yield {"value": user.id, "$ref": "", "type": "", "display": user.username}
        elif terse:
            yield {"Value": user.id, "Display": user.username}
        else:
            yield {"Value": user.id, "Ref": "", "Type": "", "Display": user.username}
