"""At start the bot finds out how this W&B speaks, and says which setting to mend when it cannot."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from sandbox.wandb_api import WandbApi
from sandbox.wandb_faults import Fault
from sandbox.wandb_profile import PROFILES, Profile
from sandbox.wandb_world import WandbWorld
from tests.directories.wandb_rig import KEY, now
from workflows.directories.dialect import ApiKey, Dialect
from workflows.directories.wandb_probe import probe
from workflows.errors import DirectoryClosed, DirectoryUnavailable

Probe = Callable[..., Dialect]


@pytest.fixture
def standin() -> WandbWorld:
    world = WandbWorld(clock=now)
    world.add_service_account("access-bot", org=True)
    world.add_person("olga", "olga@corp.example", org_role="admin")
    world.add_person("eve", "eve@corp.example")
    world.add_key(KEY, "access-bot")
    return world


@pytest.fixture
def api(standin: WandbWorld) -> WandbApi:
    return WandbApi(standin)


@pytest.fixture
def probing(api: WandbApi) -> Iterator[Probe]:
    with httpx.Client(base_url="https://wandb.example", transport=api.transport()) as http:

        def run(username: str | None = None, remembered: Dialect | None = None) -> Dialect:
            return probe(http, KEY, username, remembered, clock=now)

        yield run
    assert api.errors == []


@pytest.mark.parametrize(
    ("profile", "base", "auth"),
    [
        (PROFILES["newest-st"], "/scim", "bearer"),
        (PROFILES["newest-mt"], "/scim", "bearer"),
        (PROFILES["st-0.79"], "/scim", "basic-key"),
        (PROFILES["scim-v2-only"], "/scim/v2", "bearer"),
        (
            replace(PROFILES["st-0.79"], base_paths=("/scim/v2",)),
            "/scim/v2",
            "basic-key",
        ),
    ],
    ids=["st", "mt", "old", "v2", "old v2"],
)
def test_base_path_and_authentication_are_found(
    standin: WandbWorld, probing: Probe, profile: Profile, base: str, auth: str
) -> None:
    standin.profile = profile

    dialect = probing()

    assert (dialect.base, dialect.auth) == (base, auth)


def test_a_persons_key_comes_with_the_user_name(standin: WandbWorld, probing: Probe) -> None:
    standin.profile = replace(standin.profile, bearer_enabled=False)
    standin.add_key(KEY, "olga")

    dialect = probing(username="Olga")

    assert (dialect.auth, dialect.own_account) == ("basic-user", standin.id_of("olga"))


def test_bearer_is_tried_when_the_user_name_does_not_fit(
    standin: WandbWorld, probing: Probe
) -> None:
    assert probing(username="olga").auth == "bearer"


def test_whose_key_it_is_is_asked_when_no_user_name_is_set(
    standin: WandbWorld, probing: Probe
) -> None:
    standin.add_key(KEY, "olga")

    assert probing().own_account == standin.id_of("olga")


@pytest.mark.parametrize("graphql", ["silent", "relogin"])
def test_not_being_told_whose_key_it_is_does_no_harm(
    standin: WandbWorld, probing: Probe, graphql: str
) -> None:
    standin.profile = PROFILES[f"graphql-{graphql}"]

    assert probing().own_account == ""
    assert probing(remembered=Dialect(own_account="before")).own_account == "before"


def test_a_graphql_that_is_down_does_no_harm(api: WandbApi, probing: Probe) -> None:
    api.faults.add(Fault(path="graphql", status=503))

    assert probing().own_account == ""


def test_what_was_found_last_time_is_tried_first(api: WandbApi, probing: Probe) -> None:
    remembered = Dialect(base="/scim/v2", auth="basic-key", whole_team_roles=True)

    dialect = probing(remembered=remembered)

    assert api.calls[0].path == "/scim/v2/Users"
    assert (dialect.base, dialect.auth, dialect.whole_team_roles) == ("/scim/v2", "basic-key", True)


def test_a_key_that_is_refused_in_every_form_closes_the_directory(
    api: WandbApi, standin: WandbWorld, probing: Probe
) -> None:
    standin.state.keys.clear()

    with pytest.raises(DirectoryClosed, match="WANDB_API_KEY"):
        probing()

    assert len(api.calls) == 2


def test_after_a_403_no_other_form_is_tried(
    api: WandbApi, standin: WandbWorld, probing: Probe
) -> None:
    standin.add_key(KEY, "eve")

    with pytest.raises(DirectoryClosed, match="organization admin"):
        probing()

    assert len(api.calls) == 1


def test_an_address_without_scim_is_named(standin: WandbWorld, probing: Probe) -> None:
    standin.profile = replace(standin.profile, base_paths=())

    with pytest.raises(DirectoryUnavailable, match="WANDB_BASE_URL"):
        probing()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_sick_server_is_asked_again_later(api: WandbApi, probing: Probe, status: int) -> None:
    api.faults.add(Fault(status=status))

    with pytest.raises(DirectoryUnavailable):
        probing()


@pytest.mark.parametrize(
    "answer", [b'{"hello": 1}', b"<html></html>", b"[]", b'{"Resources": 7, "totalResults": 1}']
)
def test_something_else_that_answers_200_is_not_scim(
    api: WandbApi, probing: Probe, answer: bytes
) -> None:
    api.faults.add(Fault(path="^/scim", status=200, answer=answer, times=None))

    with pytest.raises(DirectoryUnavailable, match="WANDB_BASE_URL"):
        probing()


def test_a_server_without_the_filter_is_scim_all_the_same(api: WandbApi, probing: Probe) -> None:
    api.faults.add(Fault(path="Users", status=400, times=None))

    assert probing().base == "/scim"


def test_an_older_server_without_custom_roles_is_fine(api: WandbApi, probing: Probe) -> None:
    api.faults.add(Fault(path="Roles", status=404))

    assert probing().organization == ""


def test_the_organization_is_remembered_and_another_one_refused(
    standin: WandbWorld, probing: Probe
) -> None:
    standin.add_custom_role("Release Steward")
    first = probing()
    assert first.organization

    assert probing(remembered=first).organization == first.organization
    with pytest.raises(DirectoryClosed, match="another organization"):
        probing(remembered=replace(first, organization="T3JnYW5pemF0aW9uOjE="))


def test_an_organization_that_shows_no_custom_role_stays_as_remembered(probing: Probe) -> None:
    assert probing(remembered=Dialect(organization="T3Jn")).organization == "T3Jn"


def test_a_dialect_survives_being_stored() -> None:
    dialect = Dialect("/scim/v2", "basic-user", "org", "me", "graphql", True)

    assert Dialect.from_json(dialect.to_json()) == dialect


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"base": "/elsewhere", "auth": 7, "organization": null, "whole_team_roles": "yes"}',
        '{"unknown": 1}',
    ],
)
def test_what_cannot_be_read_of_a_stored_dialect_is_found_out_anew(text: str) -> None:
    assert Dialect.from_json(text) == Dialect()


def test_a_key_is_not_shown_and_has_to_be_one() -> None:
    assert KEY not in repr(ApiKey(KEY))
    for text in ("", "kéy", "two\nlines"):
        with pytest.raises(DirectoryClosed, match="WANDB_API_KEY"):
            ApiKey(text)
