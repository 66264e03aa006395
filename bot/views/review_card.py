"""The card that approvers decide on, and what it turns into. Drawn whole from what is stored.

The buttons carry the request's id and nothing else: who may decide is looked up at the click.
"""

from datetime import datetime
from typing import assert_never

from bot.views import blocks, phrases
from bot.views.blocks import Block, Message
from bot.views.phrases import Mention
from workflows.domain.entitlements import Organization, Place, Rank, Team
from workflows.domain.events import BOT, CLOCK
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.requests import AccessRequest, RequestStatus
from workflows.ports import Notice

APPROVE = "review_card.approve"
DENY = "review_card.deny"

_GIVEN_BACK = "given back"  # what a grant notes when its own person ends it


def draw(notice: Notice, *, now: datetime, mention: Mention) -> Message:
    """The card; `now` is what “if approved now” means. What came of it stands on top."""
    request = notice.request
    what = phrases.plain_role_in(request.role, request.place)
    title = blocks.header(f"Access request: {what}")
    if request.status is RequestStatus.PENDING:
        return blocks.message(_text(request, mention), [title, *brief(notice, now, mention)])
    outcome = outcome_of(request, mention)
    drawn = [
        title,
        *_came_of(notice, outcome, mention),
        case_of(request, now, mention),
        *reason_of(request),
    ]
    return blocks.message(f"{outcome} {_text(request, mention)}", drawn)


def brief(notice: Notice, now: datetime, mention: Mention) -> list[Block]:
    """A case that waits, with its buttons: the card without its title, and an item of a list."""
    request = notice.request
    drawn = [case_of(request, now, mention), *reason_of(request)]
    if request.invites:
        drawn.append(blocks.section(_invitation(request.place)))
    return [*drawn, _asked(notice, mention), buttons(request)]


def buttons(request: AccessRequest) -> Block:
    """Approve and Deny; admin access is asked about once more."""
    what = f"{phrases.plain_role_in(request.role, request.place)} for {request.requester}"
    sure = blocks.confirm(
        title="Approve admin access?",
        text="An admin can change who is there and what they may do.",
        yes="Approve",
        no="Go back",
    )
    return blocks.actions(
        blocks.button(
            "Approve",
            action_id=APPROVE,
            value=request.id,
            style="primary",
            label=f"Approve {what}",
            ask_first=sure if request.role.rank is Rank.ADMIN else None,
        ),
        blocks.button(
            "Deny", action_id=DENY, value=request.id, style="danger", label=f"Deny {what}"
        ),
    )


def outcome_of(request: AccessRequest, mention: Mention) -> str:
    """One sentence: what was decided, by whom, when."""
    dated = phrases.dated(request.settled_at)
    match request.status:
        case RequestStatus.PENDING:
            return "*Waiting* for a decision."
        case RequestStatus.APPROVED:
            approvers = [decision.approver for decision in request.approvals]
            by = f" by {phrases.people(approvers, mention)}" if approvers else ""
            return f"*Approved*{by}{dated}."
        case RequestStatus.DENIED:
            return f"*Denied* by {phrases.person(request.settled_by, mention)}{dated}."
        case RequestStatus.CANCELLED:
            return f"*Cancelled* by the person who asked{dated}."
        case RequestStatus.LAPSED:
            return f"*Lapsed*{dated}."
        case _:
            assert_never(request.status)


def case_of(request: AccessRequest, now: datetime, mention: Mention) -> Block:
    """Who, where, from which role to which, how long."""
    pending = request.status is RequestStatus.PENDING
    duration = request.duration
    long = phrases.how_long_from(duration, now) if pending else phrases.how_long(duration)
    return blocks.fields(
        ("Who", phrases.person_and_address(request.requester, mention)),
        _where(request.place),
        ("Role", phrases.change(request.held, request.role)),
        ("Duration", long),
    )


def reason_of(request: AccessRequest, label: str = "Reason") -> list[Block]:
    """The requester's own words, or that there are none."""
    return blocks.quote(request.reason, label) or [blocks.section("No reason given.")]


def _text(request: AccessRequest, mention: Mention) -> str:
    who = phrases.person_and_address(request.requester, mention)
    what = phrases.role_in(request.role, request.place)
    reason = blocks.escape(blocks.cut(request.reason.strip(), 200))
    because = f" Reason: {reason}" if reason else ""
    asks = "asks" if request.status is RequestStatus.PENDING else "asked"
    return f"{who} {asks} for {what}, {phrases.how_long(request.duration)}.{because}"


def _where(place: Place) -> tuple[str, str]:
    match place:
        case Team():
            return "Team", phrases.place(place)
        case Organization():
            return "Where", phrases.place(place)
        case _:
            assert_never(place)


def _invitation(place: Place) -> str:
    match place:
        case Team():
            then = f"and then added to {phrases.place(place)}"
        case Organization():
            then = "and then given the role"
        case _:
            assert_never(place)
    return (
        "This person has no W&amp;B account yet. If you approve, they are invited to the "
        f"organization {then}. The invitation stays when the access ends."
    )


def _asked(notice: Notice, mention: Mention) -> Block:
    request = notice.request
    given = [decision.approver for decision in request.approvals]
    if request.needed == 1:
        needs = "One approval is enough."
    elif given:
        so_far = f"{len(given)} so far, by {phrases.people(given, mention)}"
        needs = f"Needs {request.needed} approvals: {so_far}."
    else:
        needs = f"Needs {request.needed} approvals, from different people: none so far."
    lapses = phrases.lapses(request.lapses_at)
    why = blocks.escape(blocks.cut(notice.why, 200))
    why = f"You were asked because {why}. " if why else ""
    return blocks.context(f"{why}{needs} {lapses}")


def _came_of(notice: Notice, outcome: str, mention: Mention) -> list[Block]:
    """What was decided and, a line further, how it goes in W&B."""
    request, grant = notice.request, notice.grant
    if request.status is not RequestStatus.APPROVED:
        note = "" if request.status is RequestStatus.CANCELLED else request.note
        return [blocks.section(outcome), *blocks.quote(note)]
    if grant is None or grant.status is GrantStatus.ISSUED:
        course, note = "It is being carried out in W&amp;B.", notice.trouble
        if note:
            course = "W&amp;B has not confirmed it yet. I keep trying by myself."
    else:
        course, note = _course(grant, mention), note_of(grant)
    said = f"{phrases.mark(notice)} {course}".strip()
    return [blocks.section(f"{outcome}\n{said}"), *blocks.quote(note)]


def _course(grant: Grant, mention: Mention) -> str:
    match grant.status:
        case GrantStatus.ISSUED:
            return "It is being carried out in W&amp;B."
        case GrantStatus.ACTIVE:
            return f"*Active* in W&amp;B, {phrases.end(grant.ends_at)}."
        case GrantStatus.ENDING if grant.stuck:
            return (
                f"*Over*{ended_by(grant, mention)}{phrases.dated(grant.over_at)}, but it could not "
                "be taken back in W&amp;B yet. I keep trying."
            )
        case GrantStatus.ENDING:
            over = f"*Over*{ended_by(grant, mention)}{phrases.dated(grant.over_at)}"
            return f"{over}. It is being taken back in W&amp;B."
        case GrantStatus.ENDED:
            return f"*Ended*{ended_by(grant, mention)}{phrases.dated(grant.over_at)}."
        case GrantStatus.FAILED:
            return f"*Failed*{phrases.dated(grant.over_at)}: nothing was given."
        case _:
            assert_never(grant.status)


def note_of(grant: Grant) -> str:
    """What there is to add about a grant, beyond what `ended_by` says already."""
    if grant.stuck:
        return grant.stuck
    return "" if grant.note == _GIVEN_BACK else grant.note


def ended_by(grant: Grant, mention: Mention) -> str:
    """` at its time`, ` by …`, with its space; nothing when the bot itself had to end it."""
    if grant.ended_by == CLOCK:
        return " at its time"
    if grant.ended_by in ("", BOT):
        return ""
    if grant.ended_by == grant.person:
        return " by the person who had it"
    return f" by {phrases.person(grant.ended_by, mention)}"
