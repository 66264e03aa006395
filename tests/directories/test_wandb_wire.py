"""W&B's shapes of all ages are read alike, and what is not W&B's is not guessed at."""

from typing import Any

import pytest

from workflows.directories.scim import Resource
from workflows.directories.wandb_wire import group_of, pairs, role_of, user_of
from workflows.errors import DirectoryUnavailable


def _user(**attributes: Any) -> dict[str, Any]:
    return {"id": "VXNlcjoxMDQy", "userName": "mira.holt", "active": True, **attributes}


@pytest.mark.parametrize(
    "emails",
    [
        [{"primary": True, "value": "Mira@Corp.Example"}],
        {"Value": "mira@corp.example", "Display": "", "Type": "", "Primary": True},
        [{"value": "other@corp.example"}, {"value": "mira@corp.example ", "primary": "True"}],
        [{"VALUE": "mira@corp.example"}],
        [{"value": "mira@corp.example"}, {"value": None}, {"type": "work"}],
    ],
    ids=["array", "object", "primary second", "capitals", "half empty"],
)
def test_the_primary_address_is_found_in_every_shape(emails: object) -> None:
    user = user_of(Resource(_user(emails=emails)))

    assert user.email == "mira@corp.example"
    assert user.human


@pytest.mark.parametrize("emails", [None, [], [{"value": "none"}]])
def test_who_has_no_address_is_not_taken_for_a_person(emails: object) -> None:
    assert not user_of(Resource(_user(emails=emails))).human


@pytest.mark.parametrize(
    ("kind", "human"),
    [("USER", True), ("MEMBER", True), (None, True), ("SERVICE", False), ("org_service", False)],
)
def test_service_accounts_are_known_by_their_type(kind: str | None, human: bool) -> None:
    emails = [{"value": "x@corp.example", "primary": True}]

    assert user_of(Resource(_user(emails=emails, accountType=kind))).human is human


def test_what_is_missing_is_unknown_and_what_is_null_is_empty() -> None:
    plain = user_of(Resource({"id": "a"}))

    assert (plain.team_roles, plain.organization_role, plain.seat, plain.tag) == (None,) * 4
    assert not plain.active
    assert user_of(Resource(_user(teamRoles=None))).team_roles == {}
    assert group_of({"id": "g", "displayName": "vision"}).members is None
    assert group_of({"id": "g", "displayName": "vision", "members": None}).members == frozenset()


def test_names_of_attributes_ignore_case() -> None:
    roles = [{"TeamName": "vision", "RoleName": "admin"}]
    user = user_of(Resource({"ID": "a", "TEAMROLES": roles, "OrganizationRole": "member"}))
    group = group_of({"Id": "g", "DisplayName": "vision", "Members": [{"value": "a"}]})

    assert (user.team_roles, user.organization_role) == ({"vision": "admin"}, "member")
    assert group.members == frozenset({"a"})


@pytest.mark.parametrize("members", [[{"Value": "a", "Display": "x"}], [{"value": "a"}]])
def test_members_come_with_either_keys(members: list[dict[str, str]]) -> None:
    only_a = frozenset({"a"})

    assert group_of({"id": "g", "displayName": "v", "members": members}).members == only_a


@pytest.mark.parametrize(
    ("header", "version", "tag"),
    [
        ('W/"1"', 'W/"0"', 'W/"1"'),
        (None, 'W/"0"', 'W/"0"'),
        (None, 'W/"0\r\nX: y"', None),
        (None, "é", None),
    ],
)
def test_a_tag_comes_from_the_header_or_the_meta(
    header: str | None, version: str, tag: str | None
) -> None:
    assert user_of(Resource(_user(meta={"version": version}), header)).tag == tag


@pytest.mark.parametrize(
    "attributes",
    [
        {"id": 7},
        {"id": ""},
        {"userName": ["x"]},
        {"emails": "mira@corp.example"},
        {"emails": ["mira@corp.example"]},
        {"teamRoles": "admin"},
        {"teamRoles": [{"teamName": "vision"}]},
        {"teamRoles": [{"teamName": "vision", "roleName": 3}]},
        {"organizationRole": 1},
    ],
    ids=repr,
)
def test_another_type_is_not_guessed_at(attributes: dict[str, Any]) -> None:
    with pytest.raises(DirectoryUnavailable):
        user_of(Resource(_user(**attributes)))


def test_a_role_knows_its_base_and_its_organization() -> None:
    role = role_of({"name": "Steward", "inheritedFrom": "Viewer", "organizationID": "T3Jn"})

    assert (role.inherits, role.organization) == ("viewer", "T3Jn")
    assert pairs({"vision": "Steward"}) == [{"roleName": "Steward", "teamName": "vision"}]
