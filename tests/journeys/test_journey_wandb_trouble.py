"""W&B in trouble: nothing is lost, nothing is done twice, and people are told what is going on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sandbox.slack_people import Person
from sandbox.slack_state import Message
from sandbox.wandb_faults import Fault, too_many_requests
from tests.journeys.conftest import Journeys
from tests.journeys.rig import Journey

PATCH: dict[str, Any] = {"method": "PATCH", "path": "/(Groups|Users)/"}


def soon(who: Person, contains: str) -> Message:
    return who.wait_for_message(contains)


def applied(journey: Journey) -> int:
    return sum(one.applied for one in journey.writes())


def test_down_when_approved_it_waits_is_told_and_is_given_when_w_and_b_is_up(
    journey: Journey,
) -> None:
    eve = journey.eve
    journey.ask(eve, "vision member 8h Release check")
    journey.card(journey.ada)
    journey.api.down()

    journey.approve(journey.ada)
    soon(eve, "W&B has not confirmed it yet")
    soon(journey.ada, "W&B has not confirmed it yet")
    while_down = journey.role("eve")
    journey.api.up()
    active = soon(eve, "*active*")

    assert while_down is None
    assert journey.role("eve") == "member"
    assert applied(journey) == 1
    assert "has not confirmed" not in eve.text_of(active)


def test_down_over_the_end_of_a_grant_it_is_taken_back_when_w_and_b_is_up(
    journey: Journey,
) -> None:
    eve = journey.eve
    journey.ask(eve)
    journey.approve(journey.ada)
    eve.wait_for_message("*active*")
    journey.api.down()

    soon(eve, "is over and is being taken back")
    still_there = journey.role("eve")
    journey.api.up()
    soon(eve, "*ended*")

    assert still_there == "member"
    assert journey.role("eve") is None
    assert applied(journey) == 2


BAD_ANSWERS: dict[str, Callable[[], Fault]] = {
    "429 with Retry-After": lambda: too_many_requests(2, **PATCH),
    "429 that asks for nothing": lambda: Fault(status=429, **PATCH),
    "502 with HTML": lambda: Fault(status=502, **PATCH),
    "500": lambda: Fault(status=500, **PATCH),
    "a reset before": lambda: Fault(reset=True, **PATCH),
    "applied, and the answer lost": lambda: Fault(drop_answer_after_apply=True, **PATCH),
    "applied, and answered 502": lambda: Fault(status=502, phase="after", **PATCH),
    "answered, and not applied": lambda: Fault(ignored_write=True, **PATCH),
    "half an answer": lambda: Fault(truncated=True, **PATCH),
    "an answer of other types": lambda: Fault(wrong_type=True, **PATCH),
    "old readings for a while": lambda: Fault(stale_reads=2.0, **PATCH),
    "412": lambda: Fault(status=412, **PATCH),
    "delivered twice": lambda: Fault(deliver_twice=True, **PATCH),
    "HTML for a reading": lambda: Fault(method="GET", status=502),
    "half a reading": lambda: Fault(method="GET", truncated=True),
    "a redirect": lambda: Fault(
        status=302, headers={"Location": "http://169.254.169.254/"}, answer=b"", **PATCH
    ),
}


@pytest.mark.parametrize("fault", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_role_is_raised_and_put_back_whatever_w_and_b_answers_once(
    journey: Journey, fault: Callable[[], Fault]
) -> None:
    bob = journey.bob
    journey.ask(bob, "vision admin 8h Release check")
    journey.card(journey.ada)
    journey.api.faults.add(fault())

    journey.approve(journey.ada)
    active = soon(bob, "*active*")
    held = journey.role("bob")
    journey.api.faults.clear()
    journey.api.faults.add(fault())
    bob.click(active, "I'm done")
    soon(bob, "*ended*")

    assert held == "admin"
    assert journey.role("bob") == "viewer"
    assert len(bob.messages()) == len(journey.ada.messages()) == 1


LOST: dict[str, dict[str, Any]] = {
    "answer": {"drop_answer_after_apply": True},
    "write": {"ignored_write": True},
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_an_addition_and_a_removal_survive_what_is_lost(
    journey: Journey, lost: dict[str, Any]
) -> None:
    eve = journey.eve
    journey.ask(eve, "vision viewer 8h Release check")
    journey.card(journey.ada)
    for skip in (0, 1, 2):
        journey.api.faults.add(Fault(skip=skip, **lost, **PATCH))

    journey.approve(journey.ada)
    active = soon(eve, "*active*")
    held = journey.role("eve")
    eve.click(active, "I'm done")
    soon(eve, "*ended*")

    assert held == "viewer"
    assert journey.role("eve") is None


def test_what_w_and_b_did_not_take_in_time_is_over_without_having_been_active(
    journey: Journey,
) -> None:
    bob = journey.bob
    journey.ask(bob, "vision admin 2s Release check")
    journey.card(journey.ada)
    journey.api.faults.add(Fault(status=503, times=None, **PATCH))

    journey.approve(journey.ada)
    ended = soon(bob, "*ended*")

    assert "it was never active" in bob.text_of(ended)
    assert "You hold no role there" not in bob.text_of(ended)
    assert "it was never active" in journey.ada.text_of(soon(journey.ada, "*Ended*"))
    assert journey.role("bob") == "viewer"


def test_a_lost_answer_to_an_invitation_invites_once(journeys: Journeys) -> None:
    journey = journeys()
    new = journey.add("new", in_wandb=False)
    journey.start()
    journey.ask(new, "vision member 8h Release check")
    journey.card(journey.ada)
    journey.api.faults.add(Fault(method="POST", path="/Users", drop_answer_after_apply=True))

    journey.approve(journey.ada)
    soon(new, "*active*")

    assert journey.role("new@corp.example") == "member"
    assert len(journey.writes("POST")) == 1


def test_a_key_that_is_refused_stops_writes_and_goes_on_when_it_works_again(
    journey: Journey,
) -> None:
    eve, bob, olga = journey.eve, journey.bob, journey.olga
    journey.may_log = ("W&B refuses the key",)
    journey.ask(eve, "vision member 8h Release check")
    journey.ask(bob, "vision admin 8h Model review")
    cards = [journey.card(journey.ada, reason) for reason in ("Release check", "Model review")]
    journey.api.faults.add(Fault(status=401, times=None))

    for card in cards:
        journey.ada.click(card, "Approve")
    soon(eve, "W&B has not confirmed it yet")
    soon(olga, "refuses my key")
    refused = journey.role("eve")
    journey.api.faults.clear()
    soon(eve, "*active*")
    soon(bob, "*active*")
    soon(olga, "takes my key again")

    assert refused is None
    assert (journey.role("eve"), journey.role("bob")) == ("member", "admin")
    assert applied(journey) == 2
    assert len(olga.messages()) == 2, "one alarm and one all-clear, however many jobs waited"


def test_a_plain_no_of_w_and_b_fails_the_grant_and_says_so(journey: Journey) -> None:
    eve = journey.eve
    journey.ask(eve, "vision member 8h Release check")
    journey.card(journey.ada)
    seats = b'{"schemas":[],"detail":"Seat limit <!channel> reached","status":"400"}'
    journey.api.faults.add(Fault(status=400, answer=seats, times=None, **PATCH))

    journey.approve(journey.ada)
    failed = soon(eve, "failed")

    assert "Seat limit <!channel> reached" in eve.text_of(failed)
    assert "[Ask again]" in eve.text_of(failed)
    assert "Failed" in journey.ada.text_of(soon(journey.ada, "Failed"))
    assert journey.role("eve") is None


def test_before_w_and_b_was_ever_read_people_are_told_and_it_is_not_ready(
    journeys: Journeys,
) -> None:
    journey = journeys()
    journey.api.down()
    journey.start_without_waiting()

    reply = journey.eve.command("/wandb", "request-access vision member 2h why")
    form = journey.eve.command("/wandb", "request-access")
    ready = httpx.get(f"{journey.running.url}/readyz", trust_env=False)
    alive = httpx.get(f"{journey.running.url}/healthz", trust_env=False)

    assert "W&B has not answered yet" in reply.text
    assert "W&B has not answered yet" in form.text
    assert ready.status_code == 503
    assert alive.status_code == 200
    assert journey.slack.called(r"chat\..*") == []


def test_while_readings_are_too_old_nobody_decides_and_the_request_stays(
    journey: Journey,
) -> None:
    journey.ask(journey.eve, "vision member 8h Release check")
    card = journey.card(journey.ada)
    journey.api.down()
    journey.age_roster(timedelta(minutes=2))

    reply = journey.ada.click(card, "Approve")
    ready = httpx.get(f"{journey.running.url}/readyz", trust_env=False)
    journey.api.up()
    journey.running.bot.keeper.refresh()
    journey.approve(journey.ada)
    journey.eve.wait_for_message("*active*")

    assert "I cannot check that you may decide" in reply.text
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"


def test_a_role_set_by_hand_meanwhile_is_left_and_the_admins_are_told(journey: Journey) -> None:
    eve = journey.eve
    journey.ask(eve, "vision viewer 3s Release check")
    journey.approve(journey.ada)
    eve.wait_for_message("*active*")

    journey.wandb.set_team_role("eve", "vision", "admin")
    ended = soon(eve, "*ended*")
    journey.olga.wait_for_message("changed by somebody else")

    assert journey.role("eve") == "admin"
    assert "left as it is" in eve.text_of(ended)
