"""What the pictures show: one request of Eve's, from the form to its end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.views import drift_message, home, request_message, request_modal, review_card
from bot.views.blocks import Block
from bot.views.home import HomePage
from bot.views.request_modal import TEAM_KIND, Form
from workflows.domain.durations import Span
from workflows.domain.entitlements import ADMIN, MEMBER, VIEWER, EmailAddress, Team
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.requests import AccessRequest, Decision, RequestStatus
from workflows.ports import Alert, Notice, Since

Picture = dict[str, Any]

ASKED = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
DECIDED = ASKED + timedelta(minutes=4)
END = DECIDED + timedelta(hours=8)
EVE, ADA, BOB, MAX = (EmailAddress(f"{name}@corp.example") for name in ("eve", "ada", "bob", "max"))
MENTION = {EVE: "U0EVE", ADA: "U0ADA", BOB: "U0BOB", MAX: "U0MAX"}
WHY = "Restart the sweep that died last night; the paper is due on Friday."

PENDING = AccessRequest(
    id="r-1",
    requester=EVE,
    place=Team("vision"),
    role=ADMIN,
    duration=Span(8 * 3600),
    reason=WHY,
    origin="view:V1",
    held=VIEWER,
    invites=False,
    rule="defaults",
    needed=1,
    created_at=ASKED,
    lapses_at=ASKED + timedelta(days=3),
)
APPROVED = replace(
    PENDING,
    status=RequestStatus.APPROVED,
    decisions=(Decision(ADA, True, "", DECIDED),),
    settled_at=DECIDED,
    settled_by=ADA,
)
DENIED = replace(
    PENDING,
    id="r-0",
    place=Team("speech-core"),
    status=RequestStatus.DENIED,
    decisions=(Decision(BOB, False, "Member is enough for uploading labels.", ASKED),),
    settled_at=ASKED - timedelta(days=2),
    settled_by=BOB,
    note="Member is enough for uploading labels.",
)
ACTIVE = Grant(
    id="r-1",
    person=EVE,
    place=Team("vision"),
    role=ADMIN,
    approvers=(ADA,),
    invites=False,
    rule="defaults",
    issued_at=DECIDED,
    ends_at=END,
    status=GrantStatus.ACTIVE,
    activated_at=DECIDED,
)
ENDED = replace(ACTIVE, status=GrantStatus.ENDED, over_at=END, ended_by="clock")
FORM = Form(
    kind=TEAM_KIND,
    teams=("nlp", "speech-core", "vision"),
    roles=("viewer", "member", "admin"),
    team="vision",
    role="admin",
    reason=WHY,
    default_duration="8h",
)
PAGE = HomePage(
    grants=(ACTIVE,),
    standing_roles=((Team("vision"), VIEWER), (Team("nlp"), MEMBER)),
    requests=(DENIED, replace(PENDING, id="r-3", place=Team("nlp"))),
    waiting=(
        replace(
            PENDING,
            id="r-2",
            requester=MAX,
            role=MEMBER,
            held=None,
            reason="Upload the new labels before the evaluation.",
        ),
    ),
)


def scene(
    drawn: Sequence[Block] | Block, now: datetime, *, width: int = 600, caption: str = ""
) -> dict[str, Any]:
    """Blocks of a message, or a whole view, as somebody sees it at `now`."""
    what = {"view": drawn} if isinstance(drawn, dict) else {"blocks": drawn}
    return {**what, "now": int(now.timestamp()), "width": width, "caption": caption}


def message(notice: Notice, now: datetime, **more: Any) -> dict[str, Any]:
    """The requester's message."""
    return scene(request_message.draw(notice, now=now, mention=MENTION).blocks, now, **more)


def card(notice: Notice, now: datetime, **more: Any) -> dict[str, Any]:
    """The approvers' card."""
    return scene(review_card.draw(notice, now=now, mention=MENTION).blocks, now, **more)


def finding(*since: Since) -> dict[str, Any]:
    """What an admin of the organization gets when somebody else changed Eve's access."""
    detail = {"expected": ["admin"], "found": "nothing", "wanted": "admin", "done": "left"}
    at = DECIDED + timedelta(hours=1)
    alert = Alert("alert 1", "DriftFound", f"{EVE} team:vision", at, detail, row=1, since=since)
    return scene(drift_message.draw(alert, MENTION).blocks, at)


WAITING = Notice(PENDING, None, why="you are an admin of vision", waiting_for=(ADA, BOB))
GIVEN = Notice(APPROVED, ACTIVE)
OVER = Notice(APPROVED, ENDED, held_now=VIEWER)
_NOW = DECIDED + timedelta(minutes=1)
_STORY = [
    scene(request_modal.draw(FORM), ASKED, width=420, caption="1 · Eve asks"),
    card(WAITING, ASKED, width=460, caption="2 · Ada, an admin of the team, decides"),
    message(GIVEN, DECIDED, width=490, caption="3 · Eve has it"),
    message(OVER, END, width=490, caption="4 · It ends by itself"),
]

PICTURES: dict[str, Picture] = {
    "form": {"scenes": [scene(request_modal.draw(FORM), ASKED, width=520)]},
    "card": {"scenes": [card(WAITING, ASKED)]},
    "card-decided": {"scenes": [card(GIVEN, _NOW)]},
    "message-active": {"scenes": [message(GIVEN, _NOW)]},
    "message-ended": {"scenes": [message(OVER, END)]},
    "home": {"scenes": [scene(home.draw(PAGE, now=_NOW, mention=MENTION), _NOW, width=680)]},
    "drift": {"scenes": [finding()]},
    "drift-decided": {
        "scenes": [finding(Since("DriftPutBack", ADA, DECIDED + timedelta(minutes=70)))]
    },
    "story": {"scenes": _STORY, "columns": [[0], [1], [2, 3]]},
}
