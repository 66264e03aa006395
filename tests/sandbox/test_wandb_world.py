"""What the stand-in does beyond single answers: rules of W&B that the bot's client relies on."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.wandb_api import WandbApi
from sandbox.wandb_profile import PROFILES
from sandbox.wandb_world import WandbWorld

NOW = datetime(2026, 3, 4, 16, 5, 41, tzinfo=UTC)
KEY = "k" * 40
ORG_KEY = {"Authorization": f"Bearer {KEY}"}
GRAPHQL_KEY = {"Authorization": "Basic " + base64.b64encode(f"api:{KEY}".encode()).decode()}
MEMBERS = (
    "query Q($t: String!) { entity(name: $t) { members { email admin pending accountType } } }"
)


class Office:
    """A seeded organization with an HTTP client that uses an organization service account."""

    def __init__(self, profile: str = "newest-st") -> None:
        world = WandbWorld(PROFILES[profile], clock=lambda: NOW)
        world.add_person("ada", "ada@x.example", org_role="admin", last_active=NOW)
        world.add_person("ben", "ben@x.example", last_active=NOW)
        world.add_person("cleo", "cleo@x.example")
        world.add_team("vision", {"ada": "admin", "ben": "member"})
        world.add_team("speech", {"ben": "admin"})
        world.add_service_account("bot", org=True)
        world.add_key(KEY, "bot")
        self.world = world
        self.api = WandbApi(world)
        self.http = httpx.Client(
            transport=self.api.transport(), base_url="http://wandb.test", headers=ORG_KEY
        )

    def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> httpx.Response:
        """Send operations in one PatchOp."""
        body = {"Operations": list(operations)}
        return self.http.patch(path, json=body, headers=headers)

    def user(self, who: str) -> str:
        """The path of a user."""
        return f"/scim/Users/{self.world.id_of(who)}"

    def group(self, team: str) -> str:
        """The path of a team."""
        return f"/scim/Groups/{self.world.team_named(team).id}"

    def set_role(self, who: str, team: str, role: str) -> httpx.Response:
        """Set one team role."""
        pair = {"teamName": team, "roleName": role}
        return self.patch(self.user(who), {"op": "replace", "path": "teamRoles", "value": [pair]})


@pytest.fixture
def office() -> Iterator[Office]:
    office = Office()
    yield office
    office.http.close()
    assert office.api.errors == []


def test_a_new_member_is_member_until_a_role_is_set(office: Office) -> None:
    add = {"op": "add", "path": "members", "value": [{"value": "cleo@x.example"}]}
    assert office.patch(office.group("vision"), add).status_code == 200
    assert office.world.team_role("cleo", "vision") == "member"
    assert office.set_role("cleo", "vision", "Admin").status_code == 200
    assert office.world.members("vision")["cleo@x.example"] == "admin"
    assert office.patch(office.group("vision"), add).status_code == 200
    assert office.world.team_role("cleo", "vision") == "admin"


def test_a_role_in_a_team_one_is_not_in_is_refused(office: Office) -> None:
    refused = office.set_role("cleo", "vision", "viewer")
    assert refused.status_code == 400
    assert refused.json()["status"] == "400"
    assert "scimType" not in refused.json()


def test_replace_all_makes_every_other_role_member() -> None:
    office = Office("replace-all")
    office.set_role("ben", "vision", "viewer")
    assert office.world.team_role("ben", "vision") == "viewer"
    assert office.world.team_role("ben", "speech") == "member"
    assert office.world.last_admin_removals == 1


def test_a_refused_request_changes_nothing_even_after_a_first_operation(office: Office) -> None:
    good = {"op": "add", "path": "members", "value": [{"value": office.world.id_of("cleo")}]}
    bad = {"op": "add", "path": "members", "value": [{"value": "nobody"}]}
    assert office.patch(office.group("vision"), good, bad).status_code == 404
    assert office.world.team_role("cleo", "vision") is None


def test_a_stale_tag_is_refused_and_any_change_makes_a_tag_stale(office: Office) -> None:
    tag = office.http.get(office.user("ben")).headers["etag"]
    office.world.set_team_role("ben", "vision", "viewer")
    role = {"op": "replace", "path": "organizationRole", "value": "admin"}
    assert office.patch(office.user("ben"), role, **{"If-Match": tag}).status_code == 412
    fresh = office.http.get(office.user("ben")).json()["meta"]["version"]
    assert office.patch(office.user("ben"), role, **{"If-Match": fresh}).status_code == 200
    assert office.world.org_role("ben@x.example") == "admin"


def test_without_etags_if_match_is_ignored() -> None:
    office = Office("no-etags")
    answer = office.http.get(office.user("ben"))
    assert "etag" not in answer.headers
    assert "version" not in answer.json()["meta"]
    role = {"op": "replace", "path": "organizationRole", "value": "member"}
    assert office.patch(office.user("ben"), role, **{"If-Match": 'W/"0"'}).status_code == 200


def test_a_bare_remove_with_a_value_empties_the_team(office: Office) -> None:
    only_ben = [{"value": office.world.id_of("ben")}]
    office.patch(office.group("vision"), {"op": "remove", "path": "members", "value": only_ben})
    assert office.world.members("vision") == {}
    assert office.world.last_admin_removals == 1
    assert office.world.team_role("bot", "vision") == "member"


def test_a_deactivated_person_stays_in_the_group_and_frees_the_seat(office: Office) -> None:
    office.world.seats["full"] = 3
    off = {"op": "replace", "value": {"active": False}}
    assert office.patch(office.user("ben"), off).json()["active"] is False
    assert "ben@x.example" in office.world.members("vision")
    office.world.add_person("dora", "dora@x.example")
    back = office.patch(office.user("ben"), {"op": "replace", "path": "active", "value": True})
    assert back.status_code == 400
    assert back.json()["detail"] == "Seat limit reached"


def test_on_multi_tenant_a_deactivated_person_is_gone_and_comes_back_with_the_same_id() -> None:
    office = Office("newest-mt")
    before = office.user("ben")
    office.patch(before, {"op": "replace", "value": {"active": False}})
    assert office.http.get(before).status_code == 404
    assert office.world.members("vision") == {"ada@x.example": "admin"}
    new = {"userName": "benjamin", "emails": [{"value": "ben@x.example", "primary": True}]}
    created = office.http.post("/scim/Users", json=new)
    assert created.status_code == 201
    assert (created.json()["id"], created.json()["userName"]) == (before[12:], "ben")


def test_ids_are_never_given_out_twice(office: Office) -> None:
    old = office.world.id_of("cleo")
    assert office.http.delete(office.user("cleo")).status_code == 204
    office.world.reset()
    assert office.world.add_person("cleo", "cleo@x.example") != old


def test_deleting_the_last_org_admin_is_not_prevented_but_counted(office: Office) -> None:
    assert office.http.delete(office.user("ada")).status_code == 204
    assert office.world.org_role("ada") is None
    assert office.world.last_admin_removals == 2  # of the organization and of `vision`


@pytest.mark.parametrize("base", ["/scim", "/scim/v2"])
def test_only_the_mounted_base_path_answers(base: str) -> None:
    office = Office("scim-v2-only")
    answer = office.http.get(f"{base}/Users?aadOptscim062020")
    mounted = base == "/scim/v2"
    assert answer.status_code == (200 if mounted else 404)
    assert ("scim+json" if mounted else "text/html") in answer.headers["content-type"]


@pytest.mark.parametrize(
    ("profile", "shown"),
    [
        ("newest-st", {"teamRoles", "organizationRole", "groups"}),
        ("groups-only", {"groups"}),
        ("get-without-roles", set()),
    ],
)
def test_a_read_shows_the_roles_that_the_profile_says(profile: str, shown: set[str]) -> None:
    office = Office(profile)
    found = office.http.get(office.user("ben")).json()
    assert found.keys() & {"teamRoles", "organizationRole", "groups"} == shown


def test_an_old_server_prints_objects_and_nulls_and_refuses_bearer() -> None:
    office = Office("st-0.79")
    assert office.http.get("/scim/Users").status_code == 401
    basic = base64.b64encode(f":{KEY}".encode()).decode()
    old = {"Authorization": f"Basic {basic}"}
    users = office.http.get("/scim/Users", headers=old).json()["Resources"]
    assert {user["emails"]["Value"] for user in users} >= {"ada@x.example"}
    assert all("accountType" not in user for user in users)
    none = office.http.get("/scim/Groups", params={"filter": 'displayName eq "x"'}, headers=old)
    assert none.json()["Resources"] is None


def test_paging_is_ignored_or_honoured_as_the_profile_says() -> None:
    cut, paged = Office("cut-off"), Office("paged")
    query = {"startIndex": "3", "count": "2"}
    first, again = cut.http.get("/scim/Users"), cut.http.get("/scim/Users", params=query)
    assert first.json() == again.json()
    assert (len(first.json()["Resources"]), first.json()["totalResults"]) == (2, 4)
    names = [u["userName"] for u in paged.http.get("/scim/Users", params=query).json()["Resources"]]
    assert names == ["cleo", "bot"]


def test_a_custom_role_is_found_by_its_exact_name_and_falls_back_when_deleted(
    office: Office,
) -> None:
    office.world.add_custom_role("Steward", "viewer")
    assert office.set_role("ben", "vision", "steward").status_code == 400
    assert office.set_role("ben", "vision", "Steward").status_code == 200
    office.world.delete_custom_role("Steward")
    assert office.world.team_role("ben", "vision") == "viewer"


@pytest.mark.parametrize(
    ("owner", "status"), [("ada", 200), ("ben", 403), ("team-robot", 403), ("gone", 401)]
)
def test_only_admins_and_organization_accounts_may_call(
    office: Office, owner: str, status: int
) -> None:
    office.world.add_service_account("team-robot", teams=("vision",))
    office.world.add_person("gone", "gone@x.example", org_role="admin")
    office.world.add_key("other", owner)
    office.world.deactivate("gone")
    answer = office.http.get("/scim/Users", headers={"Authorization": "Bearer other"})
    assert answer.status_code == status


def test_a_key_of_another_organization_sees_another_organization(office: Office) -> None:
    office.world.add_key("elsewhere", "ada", "T3RoZXI=")
    office.world.add_key("undecided", "ada", "")
    other = office.http.get("/scim/Groups", headers={"Authorization": "Bearer elsewhere"})
    assert other.json()["Resources"] == []
    neither = office.http.get("/scim/Groups", headers={"Authorization": "Bearer undecided"})
    assert neither.status_code == 403


def test_the_keys_of_a_deleted_service_account_still_work(office: Office) -> None:
    office.world.delete_person("bot")
    assert office.http.get("/scim/Users").status_code == 200


def test_graphql_shows_what_scim_changed_and_only_the_fields_asked_for(office: Office) -> None:
    office.set_role("ben", "vision", "admin")
    body = {"query": MEMBERS, "variables": {"t": "vision"}}
    answer = office.http.post("/graphql", json=body, headers=GRAPHQL_KEY).json()
    members = {m["email"]: m for m in answer["data"]["entity"]["members"]}
    ben = {"email": "ben@x.example", "admin": True, "pending": False, "accountType": "USER"}
    assert members["ben@x.example"] == ben
    assert members[None]["accountType"] == "SERVICE"
    wrong = {"query": MEMBERS.replace("pending", "isPending"), "variables": {"t": "vision"}}
    assert office.http.post("/graphql", json=wrong, headers=GRAPHQL_KEY).status_code == 400


def test_graphql_can_be_silent_or_ask_for_the_agent_of_the_sdk() -> None:
    body = {"query": MEMBERS, "variables": {"t": "vision"}}
    silent = Office("graphql-silent").http.post("/graphql", json=body, headers=GRAPHQL_KEY)
    assert silent.json()["data"]["entity"] is None
    strict = Office("graphql-relogin").http
    refused = strict.post("/graphql", json=body, headers=GRAPHQL_KEY)
    assert "relogin required" in refused.text
    agent = {**GRAPHQL_KEY, "User-Agent": "W&B Public Client 0.28.2"}
    assert strict.post("/graphql", json=body, headers=agent).json()["data"]["entity"]["members"]


def test_an_invited_person_is_pending_until_they_accept(office: Office) -> None:
    invite = """mutation CreateInvite($entity: String!, $email: String) {
        result: createInvite(input: { entityName: $entity, email: $email, admin: true }) {
            invite { id } } }"""
    given = {"query": invite, "variables": {"entity": "vision", "email": "eve@x.example"}}
    assert office.http.post("/graphql", json=given, headers=GRAPHQL_KEY).status_code == 200
    assert "eve@x.example" not in office.world.members("vision")
    office.world.accept_invite("eve@x.example", "vision")
    assert office.world.team_role("eve@x.example", "vision") == "admin"


def test_every_change_is_in_the_audit_log_with_its_actor(office: Office) -> None:
    office.world.add_key("adas", "ada")
    add = {"op": "add", "path": "members", "value": [{"value": "cleo@x.example"}]}
    office.http.headers["Authorization"] = "Bearer adas"
    office.patch(office.group("vision"), add)
    basic = base64.b64encode(b"ada:adas").decode()
    log = office.http.get("/admin/audit_logs", headers={"Authorization": f"Basic {basic}"})
    last = json.loads(log.text.splitlines()[-1])
    assert (last["action"], last["actor_email"]) == ("team:invite_user", "ada@x.example")
    assert (last["entity_name"], last["user_email"]) == ("vision", "cleo@x.example")


def test_calls_are_recorded_with_who_and_what_but_without_the_key(office: Office) -> None:
    office.http.get("/scim/Users")
    office.set_role("ben", "vision", "viewer")
    (write,) = office.api.writes()
    assert (write.method, write.status, write.caller, write.applied) == ("PATCH", 200, "bot", True)
    assert write.body["Operations"][0]["path"] == "teamRoles"
    assert KEY not in repr(office.api.calls) + repr(office.world.describe())


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b'{"Operations": 1}', b'{"Operations": [1]}'])
def test_a_malformed_body_is_refused_with_400(office: Office, body: bytes) -> None:
    assert office.http.patch(office.user("ben"), content=body).status_code == 400


def test_a_custom_role_may_pass_for_admin_only_when_the_switch_allows_it(office: Office) -> None:
    new = {"name": "Admin", "inheritedFrom": "viewer", "permissions": []}
    assert office.http.post("/scim/Roles", json=new).status_code == 409
    office.world.allow_predefined_role_names = True
    assert office.http.post("/scim/Roles", json=new).status_code == 201
    office.set_role("ben", "vision", "Admin")
    assert office.world.members("vision")["ben@x.example"] == "Admin"
    office.set_role("ben", "vision", "admin")
    assert office.world.members("vision")["ben@x.example"] == "admin"


def test_an_email_names_a_user_in_a_read_but_not_in_a_change(office: Office) -> None:
    path = "/scim/Users/BEN%40x.example"
    assert office.http.get(path).json()["id"] == office.world.id_of("ben")
    role = {"op": "replace", "path": "organizationRole", "value": "admin"}
    assert office.patch(path, role).status_code == 404
    assert office.http.delete(path).status_code == 404
