"""Somebody else changes what the bot gave: found, told, and decided by a click."""

import os
import subprocess

import pytest

from sandbox.bot_process import ROOT
from sandbox.processes import finished
from sandbox.slack_state import Message
from tests.journeys.rig import Journey
from workflows.services import reconcile

FOUND = "changed by somebody else"


@pytest.fixture
def changed(journey: Journey) -> Message:
    """Eve was given `member` in vision, somebody made her admin there, and Olga was told.

    Otto is the organization's admin as well.
    """
    journey.add("otto", org_role="admin")
    journey.running.bot.keeper.refresh()
    journey.ask(journey.eve, "vision member 8h Release check")
    journey.approve(journey.ada)
    journey.eve.wait_for_message("*active*")
    journey.wandb.set_team_role("eve", "vision", "admin")
    reconcile.compare(journey.running.bot.deps)
    journey.otto.wait_for_message(FOUND)
    return journey.olga.wait_for_message(FOUND)


def events(journey: Journey) -> list[str]:
    """What was stored."""
    return [event for event, _ in journey.audit()]


def test_what_is_put_back_is_done_and_shown_to_every_admin(
    journey: Journey, changed: Message
) -> None:
    reply = journey.olga.click(changed, "Put back")

    assert reply.error is None, reply
    journey.until(lambda: journey.role("eve") == "member")
    for admin in (journey.olga, journey.otto):
        admin.wait_for_message("*Put back* by")
        assert len(admin.messages()) == 1


def test_the_first_click_wins(journey: Journey, changed: Message) -> None:
    before = journey.forward(journey.otto.message(FOUND), journey.otto)

    journey.olga.click(changed, "Adopt")
    journey.otto.wait_for_message("*Adopted* by")
    late = journey.otto.click(before, "Put back")

    assert "Already handled by olga@corp.example" in late.text
    assert journey.role("eve") == "admin"
    assert events(journey).count("DriftAdopted") == 1
    assert "DriftPutBack" not in events(journey)


def test_until_it_is_decided_every_list_of_the_person_says_it(
    journey: Journey, changed: Message
) -> None:
    by_hand = "W&B shows *admin* there now: somebody changed it by hand."

    def lists() -> tuple[str, str]:
        eve = journey.eve
        return eve.text_of(eve.open_home()), eve.command("/wandb", "my-access").text

    for seen in lists():
        assert "*member* in *vision*, given until" in seen
        assert by_hand in seen

    journey.olga.click(changed, "Put back")
    journey.until(lambda: not any("by hand" in seen for seen in lists()))

    for seen in lists():
        assert "*member* in *vision*, until" in seen


def test_the_person_is_asked_in_plain_words_and_it_is_decided_later(
    journey: Journey, changed: Message
) -> None:
    reply = journey.olga.click(changed, "Ask the person")

    assert "I have asked them" in reply.text
    asked = journey.eve.wait_for_message("A question about your access")
    assert "/wandb request-access" in journey.eve.text_of(asked)
    shown = journey.otto.wait_for_message("asked the person")
    journey.otto.click(shown, "Put back")
    journey.until(lambda: journey.role("eve") == "member")


def test_whoever_is_no_admin_of_the_organization_decides_nothing(
    journey: Journey, changed: Message
) -> None:
    shown = journey.forward(changed, journey.ada)

    for label in ("Adopt", "Put back", "Ask the person"):
        reply = journey.ada.click(shown, label)
        assert "only an admin of the W&B organization" in reply.text, reply.text

    assert journey.role("eve") == "admin"
    assert events(journey)[-1] == "DriftFound"
    assert "a decision was refused" in journey.log


def test_a_button_with_another_value_does_nothing(journey: Journey, changed: Message) -> None:
    number = 1 + len(journey.audit())
    for value in (f"{number}-{'0' * 32}", "1; DROP TABLE audit", "", "9" * 200):
        shown = journey.forward(changed, journey.olga, value=value)
        reply = journey.olga.click(shown, "Adopt")
        assert "no longer there" in reply.text, (value, reply.text)

    assert events(journey)[-1] == "DriftFound"


def command(journey: Journey, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`wandb-access reconcile` beside the bot that runs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = {**kept, "PYTHONPATH": str(ROOT), **journey.environ}
    return finished(["reconcile", *arguments], folder=journey.folder, environ=environ)


def test_the_command_compares_beside_the_bot(journey: Journey) -> None:
    journey.ask(journey.eve, "vision member 8h Release check")
    journey.approve(journey.ada)
    journey.eve.wait_for_message("*active*")
    same = command(journey)
    journey.wandb.set_team_role("eve", "vision", None)
    dry = command(journey, "--dry-run")
    assert events(journey).count("DriftFound") == 0
    real = command(journey)
    journey.olga.wait_for_message(FOUND)
    again = command(journey)

    assert (same.returncode, same.stdout) == (0, "No differences in 1 place.\n")
    line = "eve@corp.example team:vision: expected member, found nothing; "
    told = "left, and told to the organization's admins\n"
    assert (dry.returncode, dry.stdout) == (1, line + "would be " + told)
    assert (real.returncode, real.stdout) == (1, line + told)
    assert (again.returncode, again.stdout) == (1, line + "told already; left to a person\n")
    assert journey.role("eve") is None
    assert events(journey).count("DriftFound") == 1
