"""What people write is shown as they wrote it, and what comes twice has one effect."""

import itertools
import time

import httpx
import pytest

from tests.journeys.conftest import Journeys
from tests.journeys.rig import Journey

NASTY = (
    "<!channel> <!here> <@U0SANDBOX1> <http://evil.example|click> <!subteam^S1> "
    "& &amp; &lt; > *b* _i_ ~s~ `c` ```block``` :boom:\n*Role*\nadmin \u202eabc \u200bzero"
)


def test_hostile_text_is_shown_whole_and_nothing_in_it_is_live(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    view = eve.command("/wandb", "request-access vision member 2h").view
    assert view is not None
    assert eve.fill(view, {"Reason": NASTY}).closed

    seen = [eve.text_of(eve.wait_for_message("[Cancel]")), ada.text_of(journey.card(ada))]

    for text in seen:
        for line in NASTY.replace("\u202e", "").splitlines():
            assert line in text, text
        assert "\n*Role*\nadmin" not in text
        assert "@channel" not in text
        assert "\u202e" not in text


def test_a_thousand_ampersands_are_all_there(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    journey.ask(eve, f"vision member 2s {'&' * 1_000}")

    card = ada.text_of(journey.card(ada))
    mine = eve.text_of(eve.wait_for_message("[Cancel]"))
    listed = ada.command("/wandb", "approvals").text
    journey.approve(ada)
    eve.wait_for_message("*ended*")

    assert card.count("&") == mine.count("&") == listed.count("&") == 1_000


def test_hostile_names_are_shown_as_names(journeys: Journeys) -> None:
    journey = journeys()
    name = "<!channel> & *Team* `x`"
    journey.wandb.add_team(name, {"ada": "admin"})
    journey.start()
    view = journey.eve.command("/wandb", "request-access").view
    assert view is not None

    filled = {"Team": name, "Role": "member", "Duration": "2s", "Reason": "why"}
    assert journey.eve.fill(view, filled).closed
    card = journey.ada.text_of(journey.card(journey.ada))
    journey.approve(journey.ada)
    journey.eve.wait_for_message("*ended*")

    assert "<!channel> & *Team* `x`" in card
    assert journey.role("eve", name) is None
    assert len(journey.writes()) == 2


def sign_each_try_anew(journey: Journey) -> None:
    """Slack tries again seconds later; here at once, so each signature gets a time of its own."""
    began, tries = time.time(), itertools.count()  # noqa: TID251 - Slack's own clock
    journey.slack.courier.now = lambda: began + next(tries)


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket mode"])
def test_what_slack_delivers_twice_has_one_effect(journeys: Journeys, socket_mode: bool) -> None:
    journey = journeys(socket_mode=socket_mode).start()
    sign_each_try_anew(journey)
    eve, ada = journey.eve, journey.ada
    asked = eve.command("/wandb", "request-access vision member 8h Release check")
    again = eve.retry(asked, as_slack=True)
    click = ada.click(journey.card(ada), "Approve")
    ada.retry(click, as_slack=True)
    eve.wait_for_message("*active*")

    done = eve.click(eve.messages()[0], "I'm done")
    eve.retry(done, as_slack=True)
    eve.wait_for_message("*ended*")

    assert again.error is None
    assert len(eve.messages()) == len(ada.messages()) == 1
    assert len(journey.writes()) == 2


def test_a_form_that_slack_delivers_twice_is_one_request(journey: Journey) -> None:
    sign_each_try_anew(journey)
    view = journey.eve.command("/wandb", "request-access vision member 8h").view
    assert view is not None
    sent = journey.eve.fill(view, {"Reason": "why"})

    again = journey.eve.retry(sent, as_slack=True)
    journey.card(journey.ada)

    assert sent.closed
    assert again.error is None
    assert again.answer is not None
    assert not again.answer.body.strip()
    assert len(journey.ada.messages()) == 1


def test_a_recorded_request_sent_again_is_refused(journey: Journey) -> None:
    asked = journey.eve.command("/wandb", "request-access vision member 8h Release check")

    replayed = journey.eve.retry(asked)
    journey.slack.failures.clear()  # that one is meant
    unsigned = httpx.post(journey.running.events_url, data={"command": "/wandb", "text": "help"})

    assert replayed.status == 401
    assert unsigned.status_code == 401
