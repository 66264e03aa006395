"""The stand-in against 119 request and answer pairs gathered from W&B's pages, SDK and releases.

`wandb-scim-examples.json` says for each pair where it comes from and whether it is documented,
derived from several sources, or assumed. Compared are the status and the shape of the body: the
same keys with values of the same JSON type. Values differ, because clocks and counters do.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.wandb_api import WandbApi
from sandbox.wandb_profile import PROFILES, Profile
from sandbox.wandb_records import Invite
from sandbox.wandb_wire import Call, tag
from sandbox.wandb_world import WandbWorld

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "wandb-scim-examples.json").read_text(encoding="utf-8")
)
NOW = datetime(2026, 3, 4, 16, 5, 41, tzinfo=UTC)

# Printed examples show no roles on GET and no `meta.version`, so most cases run on such a server.
PLAIN = replace(PROFILES["get-without-roles"], etags=False)
MULTI_TENANT = replace(PLAIN, deployment="mt")
BEFORE_0_80 = replace(PROFILES["st-0.79"], etags=False, bearer_enabled=True)

PROFILE_OF_TAG = {
    "any": PLAIN,
    "st": PLAIN,
    "mt": MULTI_TENANT,
    "mt | st>=0.75": PLAIN,
    "mt | st>=0.80.0": PLAIN,
    "mt | st>=0.80.1": PLAIN,
    "mt | st>=0.81.0": PLAIN,
    "mt | st>=0.83.0": PLAIN,
    "st<0.80.0": BEFORE_0_80,
    "st<0.80.1": BEFORE_0_80,
    "st<0.80.1 | mt before 2026-04-30": BEFORE_0_80,
    "older servers": replace(PLAIN, bare_remove_with_value="one", role_put="metadata"),
}

PROFILE_OF_CASE = {
    "users.get.with_groups_and_roles": replace(PROFILES["newest-st"], etags=False),
    "users.patch.org_role.viewer_seat_degraded": replace(PLAIN, seat_exhaustion="degrade"),
    "users.list.filter_no_match.legacy_null": BEFORE_0_80,
    "etag.get": replace(PLAIN, etags=True),
    "etag.conditional_patch": replace(PLAIN, etags=True),
    "etag.mismatch": replace(PLAIN, etags=True),
    "groups.get.lowercase_members": replace(PLAIN, members_case="lower"),
    "graphql.error_in_body": replace(PLAIN, graphql="silent"),
}

# Pairs that are not compared, each with its reason.
OBSOLETE = {
    "legacy.role_assignment_via_roles_path": "withdrawn early in 2024; the stand-in answers 404",
}

# Cases whose status is compared and whose body is not, each with its reason.
STATUS_ONLY = {
    "auth.basic.org_service_account": "the calling service account is in the list as well",
    "groups.patch.remove_member.by_email": "keeps Ref and Type, which the documented pair drops",
}

# Pairs whose body is printed word for word in a source.
VERBATIM = {"users.patch.reactivate.multi_tenant", "graphql.CreateTeam.exists"}

SEEDED = ("sena.okafor", "mira.holt", "jonas.pike")
SERVICE_ACCOUNT_IDS = {"VXNlcjoxMDkw": "sa-vision-deploy", "VXNlcjoxMDkx": "sa-provisioner"}
MAKES_SPEECH_CORE = {
    "groups.create",
    "groups.create.member_by_email_and_bucket",
    "groups.create.empty_members",
    "graphql.CreateTeam",
}


def _team_account(world: WandbWorld) -> None:
    world.add_service_account("sa-vision-deploy", teams=("vision-lab",))


def _tove(world: WandbWorld) -> None:
    world.add_person("tove.lind", "tove.lind@northwind.example")


def _steward(world: WandbWorld) -> None:
    """A custom role that was changed since it was made."""
    role = world.state.roles[world.add_custom_role("Release Steward")]
    world.store_role(replace(role, permissions=("project:update",)))


def _both_roles(world: WandbWorld) -> None:
    _steward(world)
    world.add_custom_role("Run Auditor", "viewer", ("run:stop",))


def _registries(*names: str) -> Callable[[WandbWorld], None]:
    def prepare(world: WandbWorld) -> None:
        mira = world.user("mira.holt@northwind.example")
        world.store_user(replace(mira, registry_roles=dict.fromkeys(names, "member")))

    return prepare


def _jonas_in_team(world: WandbWorld) -> None:
    world.set_team_role("jonas.pike", "vision-lab", "member")


def _viewer_seats_used_up(world: WandbWorld) -> None:
    _jonas_in_team(world)
    world.seats["viewer"] = 0


def _tove_invited(world: WandbWorld) -> None:
    team = world.team_named("vision-lab")
    invite = Invite("SW52aXRlOjc3Mg==", "tove.lind@northwind.example", "", False)
    world.store_team(replace(team, invites=(invite,)))


def _everyone_in_team(world: WandbWorld) -> None:
    _team_account(world)
    _tove_invited(world)


def _two_audit_entries(world: WandbWorld) -> None:
    world.state.audit.clear()
    _jonas_in_team(world)
    world.set_org_role("mira.holt", "admin")


def _one_audit_entry(world: WandbWorld) -> None:
    _jonas_in_team(world)
    world.state.audit.clear()
    world.set_team_role("jonas.pike", "vision-lab", None)


# What has to be there before the request, beyond the people and teams that all pairs share.
PREPARE: dict[str, Callable[[WandbWorld], object]] = {
    "users.list": _team_account,
    "users.get.service_account": lambda world: world.add_service_account(
        "sa-provisioner", org=True
    ),
    "users.get.with_groups_and_roles": _registries("prod-models"),
    "users.create.duplicate": _tove,
    "users.create.seat_limit": lambda world: world.seats.update(full=3),
    "users.create.service_account.duplicate": _team_account,
    "users.delete.service_account": _team_account,
    "users.patch.service_account_rejected": _team_account,
    "users.patch.reactivate.single_tenant": lambda world: world.deactivate("jonas.pike"),
    "users.patch.org_role.viewer_deprecated": _jonas_in_team,
    "users.patch.org_role.viewer_seat_limit": _viewer_seats_used_up,
    "users.patch.org_role.viewer_seat_degraded": _viewer_seats_used_up,
    "users.patch.team_role.custom": _steward,
    "users.patch.team_role.unknown_role": _steward,
    "users.patch.team_role.other_team_untouched": lambda world: world.set_team_role(
        "mira.holt", "speech-core", "member"
    ),
    "users.patch.registry_role.remove_one": _registries("old-models", "prod-models"),
    "users.patch.registry_role.remove_one.as_replace": _registries("old-models", "prod-models"),
    "users.patch.registry_role.remove_all": _registries("old-models", "prod-models"),
    "groups.create.bucket_unreachable": lambda world: world.unreachable_buckets.add("missing"),
    "roles.list": _both_roles,
    "roles.get": _steward,
    "roles.patch.add_permissions": _steward,
    "roles.patch.remove_permissions": _steward,
    "roles.put.replace": _steward,
    "roles.put.metadata_only_2024": _steward,
    "roles.delete": _both_roles,
    "audit.single_tenant.page": _two_audit_entries,
    "audit.multi_tenant": _one_audit_entry,
    "graphql.GetTeamEntity": _everyone_in_team,
    "graphql.CreateInvite.already_invited": _tove_invited,
    "graphql.DeleteInvite": _jonas_in_team,
}


def _shape(value: Any) -> Any:
    match value:
        case dict():
            return {key: _shape(item) for key, item in value.items()}
        case list():
            return sorted({json.dumps(_shape(item), sort_keys=True) for item in value})
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "number"
        case _:
            return "string"


def _without_optional(body: Any, like: Any) -> Any:
    """Drop `accountType` where the pair leaves it out; the page prints it only in some lists."""
    if isinstance(body, list) and isinstance(like, list) and like:
        return [_without_optional(item, like[0]) for item in body]
    if not isinstance(body, dict) or not isinstance(like, dict):
        return body
    return {
        key: _without_optional(item, like.get(key))
        for key, item in body.items()
        if key != "accountType" or key in like
    }


def _profile(case: dict[str, Any]) -> Profile:
    return PROFILE_OF_CASE.get(case["name"]) or PROFILE_OF_TAG[case["profile"]]


def _seed(case: dict[str, Any]) -> WandbApi:
    """People, teams and a key for the caller, with the names and ids of the pairs."""
    name = case["name"]
    world = WandbWorld(_profile(case), clock=lambda: NOW)
    sena, mira, jonas = (f"{who}@northwind.example" for who in SEEDED)
    world.add_person("sena.okafor", sena, org_role="admin", last_active=NOW)
    world.add_person("mira.holt", mira, last_active=NOW)
    never = name == "users.get.never_active"
    world.add_person("jonas.pike", jonas, last_active=None if never else NOW)
    if name != "groups.create":
        world.add_team("vision-lab", {"sena.okafor": "admin", "mira.holt": "member"})
    if name not in MAKES_SPEECH_CORE:
        world.add_team("speech-core", {"sena.okafor": "admin"})
    key, owner = _caller(case["request"]["headers"]["Authorization"])
    if owner == "robot":
        world.add_service_account("robot", org=True)
    world.add_key(key, owner)
    api = WandbApi(world)
    if name in PREPARE:
        PREPARE[name](world)
    return api


def _caller(header: str) -> tuple[str, str]:
    """The key in the header and who holds it in the seeded organization."""
    scheme, _, rest = header.partition(" ")
    if scheme == "Bearer":
        return ("<ORG_SA_API_KEY>" if rest == "wrong" else rest), (
            "mira.holt" if rest == "<TEAM_SA_OR_MEMBER_KEY>" else "sena.okafor"
        )
    name, _, key = base64.b64decode(rest).decode().partition(":")
    return key, {"api": "sena.okafor", "": "robot"}.get(name, name)


def _call(case: dict[str, Any], world: WandbWorld) -> Call:
    """The request of a pair, with the ids and entity tags that the seeded organization has."""
    request = json.dumps(case["request"])
    for theirs, who in SERVICE_ACCOUNT_IDS.items():
        if theirs in request and any(user.username == who for user in world.everyone()):
            request = request.replace(theirs, world.id_of(who))
    given = json.loads(request)
    if given["headers"].get("If-Match") == 'W/"7f3a91"':
        given["headers"]["If-Match"] = tag(world.user("mira.holt@northwind.example").version)
    path, _, query = given["path"].partition("?")
    body = json.dumps(given["body"]).encode() if "body" in given else b""
    return Call(given["method"], path, query, given["headers"], body)


RUN = [case for case in CASES if case["name"] not in OBSOLETE]


@pytest.mark.parametrize("case", RUN, ids=[case["name"] for case in RUN])
def test_the_stand_in_answers_as_gathered(case: dict[str, Any]) -> None:
    name, expected = case["name"], case["response"]
    api = _seed(case)
    answer = api.handle(_call(case, api.world))
    assert api.errors == []
    assert answer.status == expected["status"], answer.body
    body: Any = json.loads(answer.body) if answer.body else None
    if name not in STATUS_ONLY:
        theirs = expected.get("body")
        assert _shape(_without_optional(body, theirs)) == _shape(theirs)
    if name in VERBATIM:
        assert body == expected["body"]
    for header in expected.get("headers", {}):
        assert answer.headers[header.lower()] == body["meta"]["version"]


def test_every_gathered_pair_is_known_to_this_test() -> None:
    names = {case["name"] for case in CASES}
    assert len(names) == len(CASES)
    assert names >= OBSOLETE.keys() | STATUS_ONLY.keys() | PREPARE.keys() | PROFILE_OF_CASE.keys()


def test_role_assignment_through_the_roles_path_is_gone() -> None:
    (case,) = (case for case in CASES if case["name"] in OBSOLETE)
    api = _seed({**case, "profile": "any"})
    assert api.handle(_call(case, api.world)).status == 404
