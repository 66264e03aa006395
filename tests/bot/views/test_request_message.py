"""The requester's message, state by state."""

import re
from dataclasses import replace

import pytest

from bot.views import blocks, request_message
from tests.bot.views.cases import (
    ACTIVE,
    ADA,
    APPROVED,
    BOB,
    END,
    ENDED,
    EVE,
    MENTION,
    NOTICES,
    NOW,
    PENDING,
    assert_slack_takes,
    buttons,
    said,
)
from workflows.domain.drift import Instead, Word
from workflows.domain.entitlements import VIEWER, EmailAddress, Organization, Role
from workflows.domain.planning import ACCOUNT_GONE
from workflows.domain.requests import Decision
from workflows.ports import Notice


def drawn(notice: Notice) -> blocks.Message:
    message = request_message.draw(notice, now=NOW, mention=MENTION)
    assert_slack_takes(message)
    return message


@pytest.mark.parametrize(
    ("state", "button", "sentences"),
    [
        (
            "pending",
            "Cancel",
            [
                f"until about {blocks.when(END)}, if approved now",
                "Asked: <@U0ADA> and bob@corp.example.",
                f"Without a decision it lapses {blocks.when(PENDING.lapses_at)}.",
                ">Release &lt;!channel&gt; of *v2*",
            ],
        ),
        ("denied", "Ask again", ["was *denied* by <@U0ADA>", ">Not &lt;@U0EVE&gt; today"]),
        ("cancelled", "Ask again", ["You *cancelled* your request"]),
        ("lapsed", "Ask again", ["has *lapsed*", "Nothing was given.", ">Nobody decided"]),
        ("approved", "", ["*Approved* by <@U0ADA>", "being carried out"]),
        ("issued", "I'm done", ["being carried out", f"Until {blocks.when(END)}."]),
        ("delayed", "I'm done", ["do not count on it", ">W&amp;B does not answer."]),
        ("active", "I'm done", [f"*active* until {blocks.when(END)}.", "you held *viewer* there"]),
        ("ending", "", ["is over and is being taken back"]),
        ("stuck", "", ["has not taken it back yet", ">W&amp;B answers &lt;503&gt;"]),
        ("ended", "Ask again", ["has *ended*", "You hold *viewer* there now, as before."]),
        ("failed", "Ask again", ["*failed*: nothing was given", ">Ada is no admin any more."]),
    ],
)
def test_each_state_says_how_things_stand_and_offers_what_can_be_done(
    state: str, button: str, sentences: list[str]
) -> None:
    message = drawn(NOTICES[state])

    text = said(message)
    assert [sentence for sentence in sentences if sentence not in text] == []
    assert list(buttons(message.blocks)) == [button] * bool(button)
    assert "*admin* in *vision*" in message.text


@pytest.mark.parametrize(
    ("state", "emoji"),
    [
        ("pending", ":hourglass_flowing_sand:"),
        ("issued", ":hourglass_flowing_sand:"),
        ("delayed", ":warning:"),
        ("active", ":white_check_mark:"),
        ("stuck", ":warning:"),
        ("ended", ""),
        ("failed", ":warning:"),
        ("denied", ""),
    ],
)
def test_one_emoji_at_most_goes_with_a_state_and_only_in_what_is_seen(
    state: str, emoji: str
) -> None:
    message = drawn(NOTICES[state])

    assert re.findall(r":[a-z_]{3,}:", said(message)) == [emoji] * bool(emoji)
    assert ":warning:" not in message.text


@pytest.mark.parametrize(
    ("state", "button", "action_id"),
    [
        ("pending", "Cancel", request_message.CANCEL),
        ("active", "I'm done", request_message.DONE),
        ("ended", "Ask again", request_message.ASK_AGAIN),
    ],
)
def test_the_buttons_carry_the_request(state: str, button: str, action_id: str) -> None:
    found = buttons(drawn(NOTICES[state]).blocks)[button]

    assert (found["action_id"], found["value"]) == (action_id, "r-1")


def test_giving_access_back_is_asked_about_once_more() -> None:
    assert "confirm" in buttons(drawn(NOTICES["active"]).blocks)["I'm done"]


def test_access_without_an_end_says_so() -> None:
    assert "*active* without an end." in said(
        drawn(Notice(APPROVED, replace(ACTIVE, ends_at=None)))
    )


def test_whoever_has_no_account_is_told_what_will_happen() -> None:
    invited = replace(PENDING, invites=True, held=None)

    team = said(drawn(Notice(invited, None)))
    organization = said(drawn(Notice(replace(invited, place=Organization()), None)))

    assert "invited to the organization by e-mail and then added to *vision*" in team
    assert "The invitation stays when this access ends." in team
    assert "and then given the role" in organization


def test_of_two_approvals_the_first_is_told() -> None:
    begun = replace(PENDING, needed=2, decisions=(Decision(ADA, True, "", NOW),))

    text = said(drawn(Notice(begun, None, waiting_for=(ADA, BOB))))

    assert "2 of them have to approve. Approved so far by <@U0ADA>." in text


def test_many_approvers_are_counted() -> None:
    many = [EmailAddress(f"a{number}@corp.example") for number in range(40)]

    assert "a9@corp.example and 30 more." in said(drawn(Notice(PENDING, None, waiting_for=many)))


def test_who_held_nothing_before_holds_nothing_after() -> None:
    text = said(drawn(Notice(replace(APPROVED, held=None), ENDED)))

    assert "You hold no role there now." in text


def test_what_somebody_set_by_hand_is_told_instead_of_what_was_before() -> None:
    text = said(drawn(Notice(APPROVED, replace(ENDED, note="W&B shows member there now."))))

    assert ">W&amp;B shows member there now." in text
    assert "as before" not in text


@pytest.mark.parametrize("ended_by", ["clock", EVE, ADA, "bot"])
def test_where_the_account_is_gone_nothing_is_said_of_what_is_held(ended_by: str) -> None:
    ended = replace(ENDED, ended_by=ended_by, note=ACCOUNT_GONE)

    text = said(drawn(Notice(APPROVED, ended)))

    assert ">The W&amp;B account that had it no longer exists." in text
    assert "You hold" not in text


@pytest.mark.parametrize(
    ("held", "word", "sentences"),
    [
        (
            VIEWER,
            Word.ASKED,
            "but W&amp;B shows *viewer* there now: somebody changed it by hand. The "
            "organization's admins have been asked.",
        ),
        (
            None,
            Word.ASKED,
            "but W&amp;B shows no role there now: somebody changed it by hand. The "
            "organization's admins have been asked.",
        ),
        (
            VIEWER,
            Word.LEFT,
            "but W&amp;B shows *viewer* there now, and that was left as it is.",
        ),
        (
            None,
            Word.PUT_BACK,
            "but W&amp;B shows no role there now: somebody changed it by hand. It is to be put "
            "back, and W&amp;B has not done that yet.",
        ),
    ],
)
def test_what_somebody_changed_is_said_first_in_place_of_active(
    held: Role | None, word: Word, sentences: str
) -> None:
    message = drawn(Notice(APPROVED, ACTIVE, instead=Instead(held, word)))

    first = f"You were given *admin* in *vision* until {blocks.when(END)}, {sentences}"
    assert message.text == first
    assert said(message).startswith(f":warning: {first}")
    assert "*active*" not in said(message)
    assert list(buttons(message.blocks)) == ["I'm done"]


def test_who_ended_it_early_is_said() -> None:
    own = replace(ENDED, ended_by=EVE, note="given back")
    other = replace(ENDED, ended_by=BOB, note="Left the project")
    by_command = replace(ENDED, ended_by="operator:ops", note="Left the company")

    assert "*ended* because you gave it back" in said(drawn(Notice(APPROVED, own)))
    assert "*ended* early, by bob@corp.example" in said(drawn(Notice(APPROVED, other)))
    assert ">Left the project" in said(drawn(Notice(APPROVED, other)))
    shown = said(drawn(Notice(APPROVED, by_command)))
    assert "*ended* early, by ops, who operates this bot" in shown
    assert ">Left the company" in shown
