"""Whose word counts, and how often: looked up at the click and again at the effect."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sandbox.slack_people import Person, Reply
from tests.journeys.conftest import Journeys
from tests.journeys.rig import SHORT, Journey

TWO = SHORT + "  approvals: 2\n"


def with_admins(journey: Journey, *names: str) -> list[Person]:
    people = [journey.add(name) for name in names]
    for name in names:
        journey.wandb.set_team_role(name, "vision", "admin")
    journey.start()
    return people


def test_two_approvals_are_two_different_people(journeys: Journeys) -> None:
    journey = journeys(policy=TWO)
    (max_,) = with_admins(journey, "max")
    journey.ask(journey.eve)
    card = journey.card(journey.ada)

    journey.approve(journey.ada)
    again = journey.ada.click(card, "Approve")
    journey.eve.wait_for_message("Approved so far by @ada")
    one_is_not_enough = journey.role("eve")
    seen = journey.card(max_, "1 so far, by @ada")
    max_.click(seen, "Approve")
    journey.eve.wait_for_message("*active*")

    assert again.error is None
    assert one_is_not_enough is None
    assert journey.role("eve") == "member"
    assert len(journey.writes()) == 1


def test_nobody_decides_on_their_own_request(journeys: Journeys) -> None:
    journey = journeys()
    (max_,) = with_admins(journey, "max")
    journey.wandb.set_team_role("eve", "vision", "member")
    journey.ask(journey.eve, "vision admin 2h Release check")
    card = journey.card(max_)
    journey.wandb.set_team_role("eve", "vision", "admin")

    forwarded = journey.eve.click(journey.forward(card, journey.eve), "Approve")

    assert "Nobody decides on their own request" in forwarded.text
    assert journey.writes() == []
    assert "[Approve]" in max_.text_of(journey.card(max_))


def test_a_second_slack_account_with_a_tagged_address_is_the_same_person(
    journeys: Journeys,
) -> None:
    journey = journeys()
    twin = journey.add("twin", email="eve+admin@corp.example")
    journey.wandb.set_team_role("twin", "vision", "admin")
    journey.start()
    journey.ask(journey.eve)
    card = journey.card(journey.ada)

    reply = twin.click(journey.forward(card, twin), "Approve")

    assert "Nobody decides on their own request" in reply.text
    assert "[Approve]" in journey.ada.text_of(journey.card(journey.ada))
    assert journey.writes() == []


def test_who_presses_a_forwarded_button_without_the_right_is_told(journey: Journey) -> None:
    journey.ask(journey.eve)
    card = journey.card(journey.ada)

    for label in ("Approve", "Deny"):
        reply = journey.bob.click(journey.forward(card, journey.bob), label)
        assert "you are not among those who may decide" in reply.text
        assert reply.view is None

    assert journey.writes() == []
    assert "[Approve]" in journey.ada.text_of(journey.card(journey.ada))


def test_a_button_of_nothing_that_we_know_is_answered(journey: Journey) -> None:
    journey.ask(journey.eve)
    card = journey.card(journey.ada)

    for value in ("", "0" * 32, "x" * 2_000, "' or 1=1 --"):
        reply = journey.ada.click(journey.forward(card, journey.ada, value), "Approve")
        assert "no longer there" in reply.text


def test_who_lost_the_right_before_the_click_is_refused(journeys: Journeys) -> None:
    journey = journeys()
    (max_,) = with_admins(journey, "max")
    journey.ask(journey.eve)
    card = journey.card(max_)
    journey.wandb.set_team_role("max", "vision", "member")
    journey.running.bot.keeper.refresh()

    reply = max_.click(card, "Approve")

    assert "you are not among those who may decide" in reply.text
    assert journey.writes() == []


def test_who_loses_the_right_between_click_and_effect_gives_nothing(journeys: Journeys) -> None:
    journey = journeys()
    (max_,) = with_admins(journey, "max")
    journey.ask(journey.eve)
    card = journey.card(max_)
    journey.wandb.set_team_role("max", "vision", "member")

    max_.click(card, "Approve")
    failed = journey.eve.wait_for_message("failed")

    assert "max@corp.example approved it, and by now may not decide" in journey.eve.text_of(failed)
    assert "Failed" in max_.text_of(max_.wait_for_message("Failed"))
    assert journey.writes() == []


def test_three_approvals_at_the_same_moment_are_one_grant_and_one_call(
    database_url: str, journeys: Journeys
) -> None:
    journey = journeys(database=database_url)
    people = [journey.ada, *with_admins(journey, "max", "mia")]
    journey.ask(journey.eve, "vision member 2h Release check")
    cards = [journey.card(one) for one in people]
    barrier = threading.Barrier(3)

    def click(number: int) -> Reply:
        barrier.wait()
        return people[number].click(cards[number], "Approve")

    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(click, range(3)))
    journey.eve.wait_for_message("*active*")
    for one in people:
        one.wait_for_message("Active")

    assert all(reply.error is None for reply in replies)
    assert len(journey.writes()) == 1
    assert [event for event, _ in journey.audit()].count("GrantIssued") <= 1
    assert [event for event, _ in journey.audit()].count("GrantActivated") == 1
    late = [reply.text for reply in replies if reply.text]
    assert all("already" in text or "approved" in text.lower() for text in late), late


def test_a_policy_channel_gets_the_card_and_decides(journeys: Journeys) -> None:
    journey = journeys(policy=SHORT + '  channel: "#approvals"\n')
    channel = journey.slack.add_channel("#approvals", journey.ada.id, journey.bob.id)
    journey.start()
    said = journey.ask(journey.eve)
    card = journey.card(journey.ada, channel=channel)

    refused = journey.bob.click(card, "Approve")
    reply = journey.ada.click(card, "Approve")
    journey.eve.wait_for_message("*active*")

    assert "#approvals" in said
    assert "you are not among those who may decide" in refused.text
    assert reply.error is None
    active = journey.ada.wait_for_message("Active", channel)
    assert "[Approve]" not in journey.ada.text_of(active)
    assert len(journey.ada.messages(channel)) == 1
    assert journey.ada.messages() == []


def test_a_slack_group_and_a_named_person_decide(journeys: Journeys) -> None:
    journey = journeys(
        policy=SHORT + "  approvers: [slack-group:S0123ABC, zoe@corp.example]\n  approvals: 2\n"
    )
    kim, zoe = journey.add("kim"), journey.add("zoe", in_wandb=False)
    journey.slack.add_usergroup("S0123ABC", [kim.id])
    journey.start()
    journey.ask(journey.eve, "vision member 2h Release check")

    assert "the policy names a user group that you are in" in kim.text_of(journey.card(kim))
    assert "the policy names you" in zoe.text_of(journey.card(zoe))
    journey.approve(kim)
    journey.approve(zoe)
    journey.eve.wait_for_message("*active*")

    assert journey.ada.messages() == []


def test_nobody_reached_in_slack_lapses_at_once(journeys: Journeys) -> None:
    journey = journeys()
    journey.wandb.add_person("gone", "gone@corp.example")
    journey.wandb.add_team("speech", {"gone": "admin"})
    journey.may_log = ("nobody can be told there",)
    journey.start()

    journey.eve.command("/wandb", "request-access speech member 2h why")
    lapsed = journey.eve.wait_for_message("lapsed")

    assert "could be reached in Slack" in journey.eve.text_of(lapsed)


def test_a_request_that_nobody_decides_lapses(journeys: Journeys) -> None:
    journey = journeys(policy=SHORT + "  pending_lapses_after: 2s\n").start()
    journey.ask(journey.eve)
    card = journey.card(journey.ada)

    lapsed = journey.eve.wait_for_message("has *lapsed*")
    journey.ada.wait_for_message("Lapsed")
    late = journey.ada.click(card, "Approve")

    assert "Nothing was given" in journey.eve.text_of(lapsed)
    assert "[Ask again]" in journey.eve.text_of(lapsed)
    assert "lapsed" in late.text
