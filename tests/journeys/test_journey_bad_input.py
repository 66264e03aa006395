"""Whatever is wrong gets its sentence, where the person is looking, and nothing goes on."""

import pytest

from sandbox.slack_people import Forged
from tests.journeys.conftest import Journeys
from tests.journeys.rig import SHORT, Journey

BAD_LINES = {
    "a bare number": ("vision member 3 why", "not a duration that I can be sure of"),
    "an American date": ("vision member 12/11/2026 why", "not a duration that I can be sure of"),
    "a negative span": ("vision member -3d why", "not a duration that I can be sure of"),
    "too long": ("vision member 99w why", "That is too long: at most 30 days here."),
    "zero": ("vision member 0h why", "zero gives nothing"),
    "over already": ("vision member until 2020-01-01 why", "is over already"),
    "no day": ("vision member until 2026-02-31 why", "not in the calendar"),
    "permanent": ("vision member permanent why", "without an end cannot be asked for here"),
    "an unknown team": ("visoin member 2h why", "There is no team “visoin” in W&B"),
    "an unknown role": ("vision owner 2h why", "There is no role “owner”"),
    "a reason too long": (f"vision member 2h {'x' * 1_001}", "say it in at most 1,000"),
    "an open quote": ('"vision member 2h why', "has no end"),
    "everything": ("visoin owner 3 why", "There is no team “visoin” in W&B"),
}


@pytest.fixture
def built_in(journeys: Journeys) -> Journey:
    return journeys(policy="version: 1\n").start()


def nobody_heard_of_it(journey: Journey) -> bool:
    with journey.running.bot.deps.look() as work:
        stored = work.requests.pending(limit=10)
    return not stored and not journey.slack.called(r"chat\..*") and not journey.writes()


def test_every_bad_line_gets_its_sentence_and_nothing_reaches_an_approver(
    built_in: Journey,
) -> None:
    said = {
        name: built_in.eve.command("/wandb", f"request-access {line}").text
        for name, (line, _) in BAD_LINES.items()
    }

    missing = {n: said[n] for n, (_, sentence) in BAD_LINES.items() if sentence not in said[n]}
    assert missing == {}
    assert all(word in said["everything"] for word in ("visoin", "owner", "“3”"))
    assert nobody_heard_of_it(built_in)


def test_every_bad_form_gets_its_sentence_at_the_field(built_in: Journey) -> None:
    good = {"Team": "vision", "Role": "member", "Duration": "2h", "Reason": "why not"}
    bad = [
        ("Duration", "3", "examples"),
        ("Duration", "12/11/2026", ""),
        ("Duration", "-3d", ""),
        ("Duration", "99w", "too long"),
        ("Duration", "1m", "too short"),
        ("Duration", "permanent", "without an end"),
        ("Duration", Forged(""), "Say for how long"),
        ("Reason", Forged(None), "Say why"),
        ("Reason", Forged("   "), "Say why"),
        ("Reason", Forged("x" * 1_001), "at most 1,000"),
    ]
    reply = built_in.eve.command("/wandb", "request-access")
    assert reply.view is not None

    for label, value, sentence in bad:
        answer = built_in.eve.fill(reply.view, {**good, label: value})
        assert list(answer.errors) == [label], (label, value, answer)
        assert "`" not in answer.errors[label]
        if sentence != "examples":
            assert sentence in answer.errors[label]
        else:
            assert "8h" in answer.errors[label]

    assert nobody_heard_of_it(built_in)
    assert built_in.eve.fill(reply.view, good).closed


def test_what_already_waits_is_not_asked_for_twice(journey: Journey) -> None:
    journey.ask(journey.eve, "vision member 2h first")
    journey.card(journey.ada)

    again = journey.eve.command("/wandb", "request-access vision member 3h second")

    assert "You have already asked for member in vision" in again.text
    assert len(journey.ada.messages()) == 1


def test_what_is_held_already_is_not_asked_for(journey: Journey) -> None:
    by_hand = journey.bob.command("/wandb", "request-access vision viewer 2h look")
    journey.ask(journey.eve, "vision member 2h first")
    journey.approve(journey.ada)
    journey.eve.wait_for_message("*active*")

    by_us = journey.eve.command("/wandb", "request-access vision viewer 1h look")
    longer = journey.ask(journey.eve, "vision member 3h longer")

    assert "You already have viewer in vision." in by_hand.text
    assert "You already have member in vision for at least that long." in by_us.text
    assert longer


def test_only_admin_is_told_at_once_that_nobody_could_decide(journey: Journey) -> None:
    journey.wandb.add_team("solo", {"bob": "admin"})
    journey.wandb.add_team("empty")
    journey.wandb.set_team_role("bob", "solo", "member")

    reply = journey.eve.command("/wandb", "request-access solo member 2h why")
    nobody = journey.eve.command("/wandb", "request-access empty member 2h why")

    assert "Nobody else can decide on this" in reply.text
    assert "Nobody else can decide on this" in nobody.text
    assert nobody_heard_of_it(journey)


def test_two_approvals_are_not_waited_for_where_only_one_can_give_one(journeys: Journeys) -> None:
    journey = journeys(policy=SHORT + "  approvals: 2\n").start()

    reply = journey.eve.command("/wandb", "request-access vision member 2h why")

    assert "needs 2 approvals, and only 1 person besides you" in reply.text
    assert nobody_heard_of_it(journey)


def test_guests_bots_strangers_and_people_without_an_address_are_refused(journey: Journey) -> None:
    odd = {
        "guest": journey.slack.add_user("guest", "guest@corp.example", is_restricted=True),
        "single": journey.slack.add_user("single", "s@corp.example", is_ultra_restricted=True),
        "stranger": journey.slack.add_user("stranger", "eve@corp.example", is_stranger=True),
        "nameless": journey.slack.add_user("nameless", None),
    }

    for slack_id in odd.values():
        someone = type(journey.eve)(journey.slack, slack_id)
        reply = someone.command("/wandb", "request-access vision member 2h why")
        assert "full members of this workspace" in reply.text

    assert nobody_heard_of_it(journey)
