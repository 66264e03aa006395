"""Every W&B that is known of: give and take back, raise and lower, or fail closed and say so."""

import pytest

from sandbox.slack_people import Person
from sandbox.slack_state import Message
from sandbox.wandb_profile import PROFILES
from tests.journeys.conftest import Journeys
from tests.journeys.rig import Journey

NO_ADMINS = ["graphql-silent", "graphql-relogin"]  # not even who is admin
NOT_WHOLE = ["cut-off"]  # lists that end in the middle: never taken for the whole
WORKING = [name for name in PROFILES if name not in NO_ADMINS + NOT_WHOLE]
SHOWING = [name for name in WORKING if PROFILES[name].get_returns_roles == "all"]
HIDING = [name for name in WORKING if name not in SHOWING]


def soon(who: Person, contains: str) -> Message:
    return who.wait_for_message(contains)


def started(journeys: Journeys, profile: str) -> Journey:
    """With two more teams, in which nothing may change whatever is done in `vision`."""
    journey = journeys(profile=profile)
    journey.wandb.add_team("speech", {"ada": "admin", "bob": "member", "eve": "viewer"})
    journey.wandb.add_team("audio", {"ada": "admin", "bob": "admin"})
    return journey.start()


def nothing_else_changed(journey: Journey) -> None:
    assert journey.role("ada") == "admin"
    assert [journey.role("bob", team) for team in ("speech", "audio")] == ["member", "admin"]
    assert journey.role("eve", "speech") == "viewer"
    assert journey.wandb.org_role("bob") == "member"
    assert all(one.method != "DELETE" for one in journey.writes())


@pytest.mark.parametrize("profile", WORKING)
def test_every_w_and_b_lets_somebody_in_and_out_again(journeys: Journeys, profile: str) -> None:
    journey = started(journeys, profile)
    journey.ask(journey.eve, "vision member 2s why")

    journey.approve(journey.ada)
    soon(journey.eve, "*active*")
    held = journey.role("eve")
    soon(journey.eve, "*ended*")

    assert held == "member"
    assert journey.role("eve") is None
    nothing_else_changed(journey)


@pytest.mark.parametrize("profile", SHOWING)
def test_where_roles_are_shown_a_viewer_is_raised_and_put_back(
    journeys: Journeys, profile: str
) -> None:
    journey = started(journeys, profile)
    journey.ask(journey.bob, "vision admin 2s why")

    journey.approve(journey.ada)
    soon(journey.bob, "*active*")
    held = journey.role("bob")
    soon(journey.bob, "*ended*")

    assert held == "admin"
    assert journey.role("bob") == "viewer"
    nothing_else_changed(journey)


@pytest.mark.parametrize("profile", HIDING)
def test_where_roles_are_hidden_nothing_is_raised_that_could_not_be_put_back(
    journeys: Journeys, profile: str
) -> None:
    journey = started(journeys, profile)

    refused = journey.bob.command("/wandb", "request-access vision admin 2s why")

    assert "let SCIM answer with `teamRoles`" in refused.text
    assert journey.ada.messages() == []
    assert journey.role("bob") == "viewer"
    assert journey.writes() == []
    nothing_else_changed(journey)


@pytest.mark.parametrize("profile", NO_ADMINS)
def test_where_not_even_admins_are_shown_it_fails_closed_and_says_what_helps(
    journeys: Journeys, profile: str
) -> None:
    journey = started(journeys, profile)

    reply = journey.eve.command("/wandb", "request-access vision member 2s why")

    assert "it does not show me everybody's role there" in reply.text
    assert journey.writes() == []
    assert journey.slack.called("chat.postMessage") == []


@pytest.mark.parametrize("profile", NOT_WHOLE)
def test_a_list_that_is_cut_off_is_not_taken_for_the_whole(
    journeys: Journeys, profile: str
) -> None:
    journey = journeys(profile=profile)
    journey.start_without_waiting()

    reply = journey.eve.command("/wandb", "request-access vision member 2s why")

    assert not journey.running.bot.health().ready
    assert "W&B has not answered yet" in reply.text
    assert journey.writes() == []
