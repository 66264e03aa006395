"""Whatever is sent, the stand-in answers, keeps its rules, and makes no mistake of its own."""

import json
import threading
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.wandb_api import COLLECTIONS, WandbApi
from sandbox.wandb_profile import PROFILES
from sandbox.wandb_wire import Call
from sandbox.wandb_world import WandbWorld

HEADERS = {"Authorization": f"Bearer {'k' * 40}"}
GRAPHQL_HEADERS = {
    "Authorization": "Basic YXBpOmtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
}
WORDS = st.sampled_from(
    ["add", "remove", "replace", "members", "teamRoles", "emails", "active", "admin", "vision",
     "registryRoles", "permissions", "organizationRole", "modelsSeat", "viewer", "member", "ben",
     "ben@x.example", "SERVICE", "True", ""]
)  # fmt: skip
KEYS = st.sampled_from(
    ["op", "path", "value", "Operations", "teamName", "roleName", "userName", "emails", "members",
     "displayName", "name", "inheritedFrom", "permissions", "accountType", "active", "primary",
     "urn:ietf:params:scim:schemas:extension:teams:2.0:User", "teams", "defaultTeam",
     "storageBucket", "provider", "query", "variables"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OPERATION = st.fixed_dictionaries({"op": WORDS}, optional={"path": WORDS, "value": VALUES})
BODIES = st.dictionaries(KEYS, VALUES, max_size=6) | st.fixed_dictionaries(
    {"Operations": st.lists(OPERATION, max_size=3)}
)


def _office(profile: str) -> WandbApi:
    world = WandbWorld(PROFILES[profile])
    world.add_person("ada", "ada@x.example", org_role="admin")
    world.add_person("ben", "ben@x.example")
    world.add_team("vision", {"ada": "admin", "ben": "member"})
    world.add_custom_role("Steward")
    world.add_service_account("bot", org=True)
    world.add_key("k" * 40, "bot")
    return WandbApi(world)


@settings(max_examples=300)
@given(
    profile=st.sampled_from(["newest-st", "newest-mt"]),
    kind=st.sampled_from(sorted(COLLECTIONS)),
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]),
    item=st.booleans(),
    body=BODIES,
)
def test_any_scim_body_is_answered_and_leaves_one_role_per_member(
    profile: str, kind: str, method: str, item: bool, body: dict[str, Any]
) -> None:
    api = _office(profile)
    state = api.world.state
    ids = {
        "Users": api.world.id_of("ben"),
        "Groups": api.world.team_named("vision").id,
        "Roles": next(iter(state.roles)),
    }
    path = f"/scim/{kind}" + (f"/{ids[kind]}" if item else "")
    before = api.world.describe()["people"]
    answer = api.handle(Call(method, path, "", HEADERS, json.dumps(body).encode()))
    assert api.errors == []
    assert answer.status < 500
    if answer.status >= 400:
        assert api.world.describe()["people"] == before
    known = {"admin", "member", "viewer", "Steward"}
    for team in state.teams.values():
        assert team.members.keys() <= state.users.keys()
        renamed = {role.name for role in state.roles.values()}
        assert set(team.members.values()) <= known | renamed


@settings(max_examples=200)
@given(
    query=st.text(alphabet="{}():$ abentityquerymutation.\"'", max_size=60)
    | st.sampled_from(["{entity(name:1){id}}", "query {", "{viewer{id...X}}", "{users{edges}}"]),
    variables=VALUES,
)
def test_any_graphql_document_is_answered(query: str, variables: Any) -> None:
    api = _office("newest-st")
    body = json.dumps({"query": query, "variables": variables}).encode()
    answer = api.handle(Call("POST", "/graphql", "", GRAPHQL_HEADERS, body))
    assert api.errors == []
    assert answer.status in (200, 400, 404, 409)


def test_changes_from_several_threads_are_all_kept() -> None:
    api = _office("newest-st")
    team = api.world.team_named("vision").id
    names = [f"p{number}" for number in range(24)]
    for name in names:
        api.world.add_person(name, f"{name}@x.example")

    def join(mine: list[str]) -> None:
        for name in mine:
            value = [{"value": f"{name}@x.example"}]
            body = {"Operations": [{"op": "add", "path": "members", "value": value}]}
            api.handle(
                Call("PATCH", f"/scim/Groups/{team}", "", HEADERS, json.dumps(body).encode())
            )

    threads = [threading.Thread(target=join, args=(names[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(api.world.members("vision")) == 2 + len(names)
