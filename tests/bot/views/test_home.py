"""The Home tab, and the answers that are put together from the same sections."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bot.views import blocks, help_text, home, listing, request_message, review_card
from bot.views.home import HomePage
from tests.bot.views.cases import (
    ACTIVE,
    APPROVED,
    CANCELLED,
    DENIED,
    END,
    ENDED,
    ENDING,
    FAILED,
    ISSUED,
    LAPSED,
    MENTION,
    NOW,
    PENDING,
    assert_slack_takes,
    assert_slack_takes_view,
    buttons,
    said,
    written,
)
from workflows.domain.drift import Instead, Word
from workflows.domain.entitlements import MEMBER, VIEWER, Organization, Team
from workflows.domain.stuck import Direction, StuckItem

FULL = HomePage(
    grants=(ACTIVE,),
    standing_roles=((Team("vision"), VIEWER), (Team("nlp"), MEMBER)),
    requests=(DENIED, PENDING),
    waiting=(replace(PENDING, id="r-2"),),
)


def drawn(page: HomePage) -> dict[str, Any]:
    view = home.draw(page, now=NOW, mention=MENTION)
    assert_slack_takes_view(view)
    return view


def test_an_empty_page_says_so_and_offers_to_ask() -> None:
    view = drawn(HomePage())

    text = said(view["blocks"])
    assert "You have no access" in text
    assert "You have not asked for anything yet." in text
    assert "Nothing waits for your decision." in text
    assert text.index("My access") < text.index("Waiting for me")
    request = buttons(view)["Request access"]
    assert (request["style"], request["action_id"]) == ("primary", home.REQUEST_ACCESS)


def test_a_page_shows_what_i_have_what_i_asked_for_and_what_waits() -> None:
    view = drawn(FULL)

    text = said(view["blocks"])
    assert f"*admin* in *vision*, until {blocks.when(END)}." in text
    assert "*member* in *nlp*, without an end." in text
    assert "*viewer* in *vision*" not in text  # what it was raised from is not held besides
    assert text.index("*Waiting* for a decision") < text.index("*Denied* by <@U0ADA>")
    assert text.index("Waiting for me (1)") < text.index("My access")
    found = buttons(view)
    assert found["I'm done"]["action_id"] == request_message.DONE
    assert found["Cancel"]["action_id"] == request_message.CANCEL
    assert found["Ask again"]["action_id"] == request_message.ASK_AGAIN
    assert (found["Approve"]["action_id"], found["Approve"]["value"]) == (
        review_card.APPROVE,
        "r-2",
    )
    assert found["Deny"]["action_id"] == review_card.DENY


def test_a_notice_stands_on_top_escaped() -> None:
    first = drawn(HomePage(notice="W&B does not answer."))["blocks"][0]

    assert first["text"]["text"].endswith("W&amp;B does not answer.")


def test_each_state_of_a_grant_and_of_a_request_has_its_line() -> None:
    grants = (ISSUED, ENDING, ENDED, FAILED, replace(ACTIVE, ends_at=None))
    requests = (APPROVED, CANCELLED, LAPSED, replace(PENDING, place=Organization()))

    text = said(listing.my_access(grants, (), requests, instead={}, now=NOW, mention=MENTION))

    for words in (
        "being carried out",
        "over,",
        "ended,",
        "failed",
        "*vision*, without an end.",
        "*Approved* by <@U0ADA>",
        "*Cancelled* by you",
        "*Lapsed*",
        "in the organization",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("end", "given"), [(END, f"until {blocks.when(END)}"), (None, "without an end")]
)
def test_what_somebody_changed_by_hand_is_said_in_place_of_what_was_given(
    end: datetime | None, given: str
) -> None:
    changed, kept = replace(ACTIVE, ends_at=end), replace(ACTIVE, id="r-9", place=Team("nlp"))
    instead = {changed.id: Instead(VIEWER, Word.ASKED)}
    page = HomePage(grants=(changed, kept), instead=instead)
    message = listing.my_access(page.grants, (), (), instead=instead, now=NOW, mention=MENTION)

    line = (
        f"*admin* in *vision*, given {given}.\n:warning: W&amp;B shows *viewer* there now: "
        "somebody changed it by hand. The organization's admins have been asked."
    )
    for lines in (written(drawn(page)["blocks"]), written(message.blocks)):
        assert line in lines
        assert f"*admin* in *nlp*, until {blocks.when(END)}." in lines
        assert lines.count("I'm done") == 2


def test_a_place_where_somebody_took_the_role_is_not_counted_as_access() -> None:
    taken, lowered = replace(ACTIVE, place=Team("nlp")), replace(ACTIVE, id="r-9")
    instead = {
        taken.id: Instead(None, Word.PUT_BACK),
        lowered.id: Instead(VIEWER, Word.LEFT),
    }

    message = listing.my_access((taken, lowered), (), (), instead=instead, now=NOW, mention=MENTION)

    assert message.text == "You have access in 1 place. You asked no times."
    assert "W&amp;B shows no role there now: somebody changed it by hand." in said(message)


@pytest.mark.parametrize("reason", ["short", "&" * 1000])
def test_what_does_not_fit_is_counted(reason: str) -> None:
    requests = [replace(PENDING, id=f"r-{number}", reason=reason) for number in range(150)]
    grants = [replace(ACTIVE, id=f"g-{number}") for number in range(150)]
    page = HomePage(grants=grants, requests=requests, waiting=requests)

    text = said(drawn(page)["blocks"])
    waiting = listing.approvals(requests, now=NOW, mention=MENTION)
    mine = listing.my_access(grants, (), requests, instead={}, now=NOW, mention=MENTION)

    assert_slack_takes(waiting)
    assert_slack_takes(mine)
    assert text.count(" more. ") == 3
    shown = sum(each["type"] == "actions" for each in waiting.blocks)
    assert shown >= 1
    assert f"… and {150 - shown} more." in said(waiting)
    assert "/wandb approvals" in text


def test_all_that_fits_is_shown_without_a_count() -> None:
    waiting = [replace(PENDING, id=f"r-{number}") for number in range(4)]

    message = listing.approvals(waiting, now=NOW, mention=MENTION)

    assert " more" not in said(message)
    assert message.text == "4 requests for you to decide."


def test_nothing_to_decide_and_nothing_held_is_said() -> None:
    nothing = listing.approvals((), now=NOW, mention=MENTION)
    empty = listing.my_access((), (), (), instead={}, now=NOW, mention=MENTION)

    assert_slack_takes(nothing)
    assert_slack_takes(empty)
    assert nothing.text == "Nothing waits for your decision."
    assert empty.text == "You have access in no places. You asked no times."


def test_the_help_has_an_example_for_every_command() -> None:
    message = help_text.draw()

    assert_slack_takes(message)
    for word in ("request-access", "request-role", "my-access", "approvals", "help"):
        assert f"`/wandb {word}" in said(message)
    assert "`until friday`" in said(message)


def test_an_unknown_word_is_repeated_harmlessly_with_the_help() -> None:
    message = help_text.draw(unknown="<!here>")

    assert_slack_takes(message)
    assert "I don't know “&lt;!here&gt;”." in said(message)
    assert "`/wandb approvals`" in said(message)


def test_a_command_that_cannot_be_read_is_answered_with_why() -> None:
    message = help_text.draw(problem="The quote has no end.")

    assert said(message).startswith("The quote has no end. This is how it is written:")


STUCK_END = StuckItem(
    id="g-1",
    direction=Direction.TAKE,
    person=PENDING.requester,
    place=Team("vision"),
    role=VIEWER,
    since=END,
    reason="Nobody else is an admin <!here>.",
)
STUCK_GIVING = replace(STUCK_END, id="g-2", direction=Direction.GIVE, reason="")
LEFTOVER = replace(
    STUCK_END, id="eve@corp.example team:vision", direction=Direction.LEFTOVER, role=None
)


def test_what_is_stuck_stands_on_top_with_why_since_when_and_a_button() -> None:
    view = drawn(replace(FULL, stuck=(STUCK_END, STUCK_GIVING, LEFTOVER), stuck_count=3))

    text = said(view["blocks"])
    assert text.index("Needs attention (3)") < text.index("Waiting for me")
    assert "*viewer* in *vision* *cannot be taken back* from eve@corp.example yet." in text
    assert "*viewer* in *vision* *cannot be given* to eve@corp.example yet." in text
    assert "What landed late for eve@corp.example in *vision* *cannot be taken back* yet." in text
    assert f"Over since {blocks.when(END)}. Nobody else is an admin &lt;!here&gt;." in text
    assert f"Approved since {blocks.when(END)}.\n" in text + "\n"
    values = [each["accessory"]["value"] for each in view["blocks"] if "accessory" in each]
    assert values[:3] == ["g-1", "g-2", LEFTOVER.id]


def test_what_is_stuck_and_does_not_fit_is_counted() -> None:
    view = drawn(replace(FULL, stuck=(STUCK_END,) * 10, stuck_count=37))

    assert "… and 27 more: `wandb-access stuck` lists them all." in said(view["blocks"])


def test_a_name_that_no_button_can_carry_has_none() -> None:
    view = drawn(HomePage(stuck=(replace(LEFTOVER, id="x" * 2_001),), stuck_count=1))

    assert "Try now" not in buttons(view)


def test_where_nothing_is_stuck_nothing_is_said_of_it() -> None:
    assert "Needs attention" not in said(drawn(FULL)["blocks"])
