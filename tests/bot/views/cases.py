"""Requests, grants and notices in every state, and what all drawings have to keep to."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.views.blocks import Message
from sandbox.slack_blocks import are_blocks_too_long, check_message_blocks, check_view
from workflows.domain.drift import Instead, Word
from workflows.domain.durations import Span
from workflows.domain.entitlements import ADMIN, VIEWER, EmailAddress, Team
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.requests import AccessRequest, Decision, RequestStatus
from workflows.ports import Notice

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
END = NOW + timedelta(hours=8)
EVE, ADA, BOB = (EmailAddress(f"{name}@corp.example") for name in ("eve", "ada", "bob"))
MENTION = {EVE: "U0EVE", ADA: "U0ADA"}

PENDING = AccessRequest(
    id="r-1",
    requester=EVE,
    place=Team("vision"),
    role=ADMIN,
    duration=Span(8 * 3600),
    reason="Release <!channel> of *v2*",
    origin="view:V1",
    held=VIEWER,
    invites=False,
    rule="defaults",
    needed=1,
    created_at=NOW,
    lapses_at=NOW + timedelta(days=3),
)
APPROVED = replace(
    PENDING,
    status=RequestStatus.APPROVED,
    decisions=(Decision(ADA, True, "", NOW),),
    settled_at=NOW,
    settled_by=ADA,
)
DENIED = replace(
    PENDING,
    status=RequestStatus.DENIED,
    decisions=(Decision(ADA, False, "Not <@U0EVE> today", NOW),),
    settled_at=NOW,
    settled_by=ADA,
    note="Not <@U0EVE> today",
)
CANCELLED = replace(PENDING, status=RequestStatus.CANCELLED, settled_at=NOW, settled_by=EVE)
LAPSED = replace(
    PENDING,
    status=RequestStatus.LAPSED,
    settled_at=NOW,
    settled_by="clock",
    note="Nobody decided in time.",
)

ISSUED = Grant(
    id="r-1",
    person=EVE,
    place=Team("vision"),
    role=ADMIN,
    approvers=(ADA,),
    invites=False,
    rule="defaults",
    issued_at=NOW,
    ends_at=END,
)
ACTIVE = replace(ISSUED, status=GrantStatus.ACTIVE, activated_at=NOW)
ENDING = replace(ACTIVE, status=GrantStatus.ENDING, over_at=END, ended_by="clock")
STUCK = replace(ENDING, stuck="W&B answers <503>")
ENDED = replace(ENDING, status=GrantStatus.ENDED)
FAILED = replace(ISSUED, status=GrantStatus.FAILED, over_at=NOW, note="Ada is no admin any more.")

NOTICES = {
    "pending": Notice(PENDING, None, why="you are an admin of vision", waiting_for=(ADA, BOB)),
    "denied": Notice(DENIED, None),
    "cancelled": Notice(CANCELLED, None),
    "lapsed": Notice(LAPSED, None),
    "approved": Notice(APPROVED, None),
    "issued": Notice(APPROVED, ISSUED),
    "delayed": Notice(APPROVED, ISSUED, trouble="W&B does not answer."),
    "active": Notice(APPROVED, ACTIVE),
    "changed": Notice(APPROVED, ACTIVE, instead=Instead(VIEWER, Word.ASKED)),
    "ending": Notice(APPROVED, ENDING),
    "stuck": Notice(APPROVED, STUCK),
    "ended": Notice(APPROVED, ENDED, held_now=VIEWER),
    "failed": Notice(APPROVED, FAILED),
}


def written(drawn: Any) -> list[str]:
    """Every text of a drawing, in reading order, with its buttons and labels."""
    return [each["text"] for each in _text_objects(drawn)]


def said(drawn: Message | list[dict[str, Any]]) -> str:
    """All of it as one text."""
    return "\n".join(written(drawn.blocks if isinstance(drawn, Message) else drawn))


def live(drawn: Any) -> str:
    """All text in which Slack would look for mentions and links."""
    return "\n".join(each["text"] for each in _text_objects(drawn) if each["type"] == "mrkdwn")


def buttons(drawn: Any) -> dict[str, dict[str, Any]]:
    """The buttons by what is written on them."""
    return {each["text"]["text"]: each for each in _every(drawn) if each.get("type") == "button"}


def assert_slack_takes(drawn: Message) -> None:
    """Within the limits of a message, verbatim throughout, and nothing null."""
    assert check_message_blocks(drawn.blocks) == []
    assert not are_blocks_too_long(drawn.blocks)
    assert 0 < len(drawn.text) <= 4000  # more is refused by chat.update
    _assert_verbatim(drawn.blocks)


def assert_slack_takes_view(view: dict[str, Any]) -> None:
    """The same for a modal or a home page."""
    assert check_view(view, kind=view["type"]) == []
    assert not are_blocks_too_long(view["blocks"])
    _assert_verbatim(view)


def _assert_verbatim(drawn: Any) -> None:
    assert all(each.get("verbatim") for each in _text_objects(drawn) if each["type"] == "mrkdwn")


def _text_objects(drawn: Any) -> Iterator[dict[str, Any]]:
    return (each for each in _every(drawn) if each.get("type") in ("mrkdwn", "plain_text"))


def _every(drawn: Any) -> Iterator[dict[str, Any]]:
    if isinstance(drawn, dict):
        yield drawn
        for inner in drawn.values():
            yield from _every(inner)
    elif isinstance(drawn, list | tuple):
        for inner in drawn:
            yield from _every(inner)
