"""Ways to ask: the form, one line, the shortcut; what is offered, and what is filled in already."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sandbox.slack_forms import find_field
from sandbox.slack_people import Forged, Person
from sandbox.slack_state import View
from tests.journeys.conftest import Journeys
from tests.journeys.rig import SHORT, Journey

BERLIN = ZoneInfo("Europe/Berlin")  # where everybody in the sandbox lives
CLOSED = SHORT + "rules:\n  - name: closed\n    teams: [secret]\n    effect: deny\n"


def form(who: Person, words: str = "") -> View:
    reply = who.command("/wandb", f"request-access {words}".strip())
    assert reply.error is None, reply
    assert reply.view is not None, reply.text
    return reply.view


def offered(view: View, label: str) -> list[str]:
    options = find_field(view.blocks, label).element["options"]
    return [option["text"]["text"] for option in options]


def filled(view: View, label: str) -> str:
    element = find_field(view.blocks, label).element
    chosen = element.get("initial_option")
    return str(chosen["text"]["text"] if chosen else element.get("initial_value", ""))


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket mode"])
def test_the_form_is_asked_filled_in_and_brings_a_card(
    journeys: Journeys, socket_mode: bool
) -> None:
    journey = journeys(socket_mode=socket_mode).start()
    view = form(journey.eve)

    reply = journey.eve.fill(view, {"Team": "vision", "Role": "member", "Reason": "Release check"})

    assert reply.closed, reply
    assert filled(view, "Duration") == "8h"
    card = journey.ada.text_of(journey.card(journey.ada))
    assert "eve@corp.example" in card
    assert "nothing → *member*" in card
    assert "8 hours, until about" in card
    assert "Release check" in card
    assert "You were asked because you are an admin of vision" in card
    assert "*waits*" in journey.eve.text_of(journey.eve.wait_for_message("[Cancel]"))


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket mode"])
def test_one_line_is_answered_at_once_with_the_end_and_who_is_asked(
    journeys: Journeys, socket_mode: bool
) -> None:
    journey = journeys(socket_mode=socket_mode).start()

    said = journey.ask(journey.bob, "vision admin 2s Release check")

    assert "*admin* in *vision*" in said
    assert "until about" in said
    assert "ada@corp.example" in said
    assert "viewer → *admin*" in journey.ada.text_of(journey.card(journey.ada))
    journey.approve(journey.ada)
    journey.bob.wait_for_message("*active*")
    assert journey.role("bob") == "admin"
    journey.bob.wait_for_message("*ended*")
    assert journey.role("bob") == "viewer"


def test_a_team_with_a_space_is_named_in_quotes_of_any_kind(journey: Journey) -> None:
    journey.wandb.add_team("vision team", {"ada": "admin"})
    reason = "It's the payload of the “release”"

    for name in ('"vision team"', "“vision team”", "„vision team“", "'vision team'"):
        said = journey.ask(journey.eve, f"{name} member 2h {reason}")
        assert "*vision team*" in said
        assert reason in journey.ada.text_of(journey.card(journey.ada))
        journey.eve.click(journey.eve.wait_for_message("[Cancel]"), "Cancel")
        journey.ada.wait_for(
            lambda: "[Approve]" not in journey.ada.text_of(journey.ada.messages()[-1])
        )


def test_with_words_missing_the_form_opens_filled_with_those_that_are_there(
    journey: Journey,
) -> None:
    view = form(journey.eve, "Vision MEMBER 3d")

    assert filled(view, "Team") == "vision"
    assert filled(view, "Role") == "member"
    assert filled(view, "Duration") == "3d"
    assert filled(view, "Reason") == ""
    assert journey.eve.fill(view, {"Reason": "why not"}).closed
    assert "3 days" in journey.ada.text_of(journey.card(journey.ada))


def test_the_shortcut_opens_the_same_form(journey: Journey) -> None:
    reply = journey.eve.shortcut("request_access")

    assert reply.view is not None, reply
    assert reply.view.callback_id == form(journey.eve).callback_id
    assert offered(reply.view, "Team") == ["vision"]


def test_up_to_a_hundred_teams_are_a_list_to_pick_from(journeys: Journeys) -> None:
    journey = journeys()
    for number in range(99):
        journey.wandb.add_team(f"team-{number:03}", {"ada": "admin"})
    journey.start()

    view = form(journey.eve)

    assert len(offered(view, "Team")) == 100


def test_more_than_a_hundred_teams_are_searched(journeys: Journeys) -> None:
    journey = journeys()
    for number in range(149):
        journey.wandb.add_team(f"team-{number:03}", {"ada": "admin"})
    journey.start()
    view = form(journey.eve)

    found = journey.eve.options(view, "Team", "TEAM-14")
    every = journey.eve.options(view, "Team", "")
    reply = journey.eve.fill(
        view, {"Team": "team-148", "Role": "viewer", "Duration": "2h", "Reason": "look"}
    )

    assert [each["value"] for each in found] == [f"team-{number}" for number in range(140, 149)]
    assert len(every) == 100
    assert reply.closed, reply
    assert "*team-148*" in journey.ada.text_of(journey.card(journey.ada))


def test_a_team_that_the_policy_closes_is_not_offered_and_not_taken(journeys: Journeys) -> None:
    journey = journeys(policy=CLOSED)
    journey.wandb.add_team("secret", {"ada": "admin"})
    journey.start()
    view = form(journey.eve)

    forged = journey.eve.fill(
        view,
        {"Team": Forged("secret"), "Role": "viewer", "Duration": "2h", "Reason": "x"},
    )
    typed = journey.eve.command("/wandb", "request-access secret viewer 2h please")

    assert offered(view, "Team") == ["vision"]
    assert "policy: closed" in str(forged.errors)
    assert "policy: closed" in typed.text
    assert journey.ada.messages() == []


def test_a_team_where_one_is_admin_anyway_is_not_offered(journey: Journey) -> None:
    journey.wandb.add_team("speech", {"bob": "admin"})
    journey.running.bot.keeper.refresh()

    assert offered(form(journey.ada), "Team") == ["speech"]


FORGED = [
    ("Team", "no such team"),
    ("Team", "x" * 2_000),
    ("Role", "owner"),
    ("Role", "x" * 2_000),
    ("Duration", "99999999w"),
    ("Duration", "x" * 2_000),
    ("Reason", "x" * 2_900),
]


def test_a_forged_value_gets_an_error_at_its_field(journey: Journey) -> None:
    view = form(journey.eve)
    good = {"Team": "vision", "Role": "member", "Duration": "2h", "Reason": "why not"}

    for label, value in FORGED:
        reply = journey.eve.fill(view, {**good, label: Forged(value)})
        assert list(reply.errors) == [label], reply
        assert not reply.closed
        assert len(reply.errors[label]) < 500

    assert journey.ada.messages() == []


def test_until_friday_is_the_end_of_friday_where_the_person_lives(journey: Journey) -> None:
    said = journey.eve.command("/wandb", "request-access vision member until friday Release")

    assert said.ephemeral is not None
    now = datetime.now(BERLIN)  # noqa: TID251 - what the person's own clock says
    friday = now.date() + timedelta(days=(4 - now.weekday()) % 7 + 1)
    end = datetime(friday.year, friday.month, friday.day, tzinfo=BERLIN)
    dates = re.findall(r"<!date\^(\d+)\^", str(said.ephemeral.blocks))
    assert dates == [str(int(end.timestamp()))]
    journey.approve(journey.ada)
    active = journey.eve.wait_for_message("*active*")
    assert f"<!date^{int(end.timestamp())}^" in str(active.blocks)


def test_the_organization_role_is_asked_of_the_organizations_admins(journey: Journey) -> None:
    reply = journey.eve.command("/wandb", "request-role admin 2s Move the billing")

    assert "*admin* in the organization" in reply.text
    card = journey.olga.text_of(journey.card(journey.olga))
    assert "you are an admin of the organization" in card
    assert "member → *admin*" in card
    journey.approve(journey.olga)
    journey.eve.wait_for_message("*active*")
    assert journey.wandb.org_role("eve") == "admin"
    journey.eve.wait_for_message("*ended*")
    assert journey.wandb.org_role("eve") == "member"
    assert journey.ada.messages() == []


def test_request_role_with_words_missing_opens_a_form_without_a_team(journey: Journey) -> None:
    reply = journey.eve.command("/wandb", "request-role admin")

    assert reply.view is not None
    assert offered(reply.view, "Role") == ["member", "admin"]
    with pytest.raises(LookupError):
        find_field(reply.view.blocks, "Team")
    bad = journey.eve.fill(reply.view, {"Duration": "3", "Reason": "x"})
    assert list(bad.errors) == ["Duration"]
    assert journey.eve.fill(reply.view, {"Duration": "1h"}).closed
    assert "the organization" in journey.olga.text_of(journey.card(journey.olga))
