"""The card for approvers, state by state."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.views import blocks, review_card
from tests.bot.views.cases import (
    ADA,
    APPROVED,
    BOB,
    DENIED,
    ENDED,
    ENDING,
    EVE,
    MENTION,
    NOTICES,
    NOW,
    PENDING,
    assert_slack_takes,
    buttons,
    live,
    said,
)
from workflows.domain.durations import Permanent, Until
from workflows.domain.entitlements import ADMIN, MEMBER, Organization, Rank, Role, Team
from workflows.domain.requests import AccessRequest, Decision
from workflows.ports import Notice


def drawn(notice: Notice) -> blocks.Message:
    message = review_card.draw(notice, now=NOW, mention=MENTION)
    assert_slack_takes(message)
    return message


def card(request: AccessRequest, why: str = "") -> blocks.Message:
    return drawn(Notice(request, None, why=why))


def test_a_pending_card_says_everything_that_a_decision_needs() -> None:
    message = drawn(NOTICES["pending"])

    text = said(message)
    assert text.startswith("Access request: admin in vision\n")
    assert "<@U0EVE> (eve@corp.example)" in text
    assert "*Team*\n*vision*" in text
    assert "viewer → *admin*" in text
    end = blocks.when(NOW + timedelta(hours=8))
    assert f"8 hours, until about {end}, if approved now" in text
    assert ">Release &lt;!channel&gt; of *v2*" in text
    assert "You were asked because you are an admin of vision." in text
    assert "One approval is enough." in text
    assert blocks.when(PENDING.lapses_at) in text
    assert "eve@corp.example" in message.text
    assert "Release &lt;!channel&gt;" in message.text


def test_the_buttons_carry_the_id_alone_and_say_aloud_what_they_decide() -> None:
    found = buttons(drawn(NOTICES["pending"]).blocks)

    assert found["Approve"]["action_id"] == review_card.APPROVE
    assert found["Deny"]["action_id"] == review_card.DENY
    assert (found["Approve"]["style"], found["Deny"]["style"]) == ("primary", "danger")
    assert {each["value"] for each in found.values()} == {"r-1"}
    label = found["Approve"]["accessibility_label"]
    assert label == "Approve admin in vision for eve@corp.example"


def test_only_admin_access_is_asked_about_once_more() -> None:
    member = buttons(card(replace(PENDING, role=MEMBER)).blocks)

    assert "confirm" in buttons(card(PENDING).blocks)["Approve"]
    assert "confirm" not in member["Approve"]


def test_an_end_that_is_fixed_is_not_about() -> None:
    moment = NOW + timedelta(days=2)

    text = said(card(replace(PENDING, duration=Until(moment))))

    assert f"until {blocks.when(moment)}" in text
    assert "if approved now" not in text


def test_access_without_an_end_says_so() -> None:
    assert "permanent, without an end" in said(card(replace(PENDING, duration=Permanent())))


def test_somebody_without_an_account_is_announced_with_what_stays() -> None:
    text = said(card(replace(PENDING, held=None, invites=True)))

    assert "nothing → *admin*" in text
    assert "no W&amp;B account yet" in text
    assert "invited to the organization and then added to *vision*" in text
    assert "The invitation stays when the access ends." in text


def test_an_organization_role_has_no_team() -> None:
    text = said(card(replace(PENDING, place=Organization(), role=ADMIN, invites=True)))

    assert "*Where*\nthe organization" in text
    assert "*Team*" not in text


def test_of_two_approvals_the_first_is_shown_with_its_name() -> None:
    two = replace(PENDING, needed=2)
    begun = replace(two, decisions=(Decision(ADA, True, "", NOW),))

    assert "Needs 2 approvals, from different people: none so far." in said(card(two))
    assert "Needs 2 approvals: 1 so far, by <@U0ADA>." in said(card(begun))


def test_a_request_without_a_reason_says_that_there_is_none() -> None:
    assert "No reason given." in said(card(replace(PENDING, reason=" ")))


@pytest.mark.parametrize("state", [state for state in NOTICES if state != "pending"])
def test_a_decided_card_has_no_buttons_and_still_shows_the_case(state: str) -> None:
    message = drawn(NOTICES[state])

    assert buttons(message.blocks) == {}
    assert ">Release &lt;!channel&gt; of *v2*" in said(message)
    assert "if approved now" not in said(message)


@pytest.mark.parametrize(
    ("state", "sentences"),
    [
        ("denied", [f"*Denied* by <@U0ADA>, {blocks.when(NOW)}.", ">Not &lt;@U0EVE&gt; today"]),
        ("cancelled", ["*Cancelled* by the person who asked"]),
        ("lapsed", ["*Lapsed*", ">Nobody decided in time."]),
        ("approved", ["*Approved* by <@U0ADA>", "being carried out"]),
        ("issued", ["*Approved* by <@U0ADA>", "being carried out"]),
        ("delayed", ["W&amp;B has not confirmed it yet", ">W&amp;B does not answer."]),
        ("active", [f"*Active* in W&amp;B, until {blocks.when(ENDED.ends_at or NOW)}."]),
        ("ending", ["*Over* at its time", "being taken back"]),
        ("stuck", ["could not be taken back", ">W&amp;B answers &lt;503&gt;"]),
        ("ended", ["*Ended* at its time"]),
        ("failed", ["*Failed*", "nothing was given", ">Ada is no admin any more."]),
    ],
)
def test_the_outcome_is_said_with_who_and_when(state: str, sentences: list[str]) -> None:
    text = said(drawn(NOTICES[state]))

    assert [sentence for sentence in sentences if sentence not in text] == []


def test_whoever_ended_it_early_is_named() -> None:
    own = replace(ENDING, ended_by=EVE, note="given back")
    other = replace(ENDED, ended_by=BOB, note="Left the project")
    bot = replace(ENDED, ended_by="bot", note="Ada lost her right")

    assert "*Over* by the person who had it" in said(drawn(Notice(APPROVED, own)))
    assert "given back" not in said(drawn(Notice(APPROVED, own)))
    assert "*Ended* by bob@corp.example" in said(drawn(Notice(APPROVED, other)))
    assert ">Ada lost her right" in said(drawn(Notice(APPROVED, bot)))


def test_two_approvers_are_both_named() -> None:
    both = (Decision(ADA, True, "", NOW), Decision(BOB, True, "", NOW))

    text = said(drawn(Notice(replace(APPROVED, needed=2, decisions=both), None)))

    assert "*Approved* by <@U0ADA> and bob@corp.example" in text


def test_the_longest_words_that_people_can_write_still_fit() -> None:
    words, name = "&" * 1000, "&" * 128
    role = Role(name, Rank.MEMBER, custom=True)
    longest = replace(DENIED, place=Team(name), role=role, held=role, reason=words, note=words)

    message = card(longest)

    assert said(message).count("&amp;") == 2 * 1000 + 3 * 128


@pytest.mark.parametrize("state", NOTICES)
def test_the_only_live_mentions_are_our_own(state: str) -> None:
    text = live(drawn(NOTICES[state]).blocks)

    assert "<!channel" not in text
    assert text.count("<@") == text.count("<@U0ADA>") + text.count(f"<@{MENTION[EVE]}>")
