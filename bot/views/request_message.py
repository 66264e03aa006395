"""The requester's one message of a request, which lives as long as the request and its grant.

It says in its first sentence how things stand. Drawn whole from what is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from bot.views import blocks, phrases, review_card
from bot.views.blocks import Block, Message
from bot.views.phrases import Mention
from workflows.domain.drift import Instead
from workflows.domain.entitlements import EmailAddress, Organization, Place, Team
from workflows.domain.events import BOT, CLOCK
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.planning import ACCOUNT_GONE
from workflows.domain.requests import AccessRequest, RequestStatus
from workflows.ports import Notice

CANCEL = "request_message.cancel"
DONE = "request_message.done"
ASK_AGAIN = "request_message.ask_again"


@dataclass(frozen=True, slots=True)
class _State:
    """One state in words: the sentence that leads, what follows it, and the button."""

    lead: str
    more: Sequence[Block] = ()
    button: Block | None = None


def draw(notice: Notice, *, now: datetime, mention: Mention) -> Message:
    """The message; `now` is what “if approved now” means while it is pending."""
    state = _state(notice, now, mention)
    mark = phrases.TROUBLE if notice.instead else phrases.mark(notice)
    drawn = [blocks.section(f"{mark} {state.lead}".strip()), *state.more]
    if state.button is not None:
        drawn.append(blocks.actions(state.button))
    return blocks.message(state.lead, drawn)


def cancel_button(request: AccessRequest) -> Block:
    """Cancel: takes a request back that waits."""
    what = phrases.plain_role_in(request.role, request.place)
    return blocks.button(
        "Cancel", action_id=CANCEL, value=request.id, label=f"Cancel the request for {what}"
    )


def done_button(grant: Grant) -> Block:
    """I'm done: gives access back before its time, and asks once more before it does."""
    what = phrases.plain_role_in(grant.role, grant.place)
    sure = blocks.confirm(
        title="Give this access back?",
        text="It ends now. What you had before stays; to have it again you ask again.",
        yes="End it now",
        no="Keep it",
    )
    return blocks.button(
        "I'm done", action_id=DONE, value=grant.id, label=f"End {what} now", ask_first=sure
    )


def ask_again_button(request: AccessRequest) -> Block:
    """Ask again: opens the form, filled in as before."""
    what = phrases.plain_role_in(request.role, request.place)
    return blocks.button(
        "Ask again", action_id=ASK_AGAIN, value=request.id, label=f"Ask for {what} again"
    )


def _state(notice: Notice, now: datetime, mention: Mention) -> _State:
    request = notice.request
    what = phrases.role_in(request.role, request.place)
    again = ask_again_button(request)
    match request.status:
        case RequestStatus.PENDING:
            return _pending(notice, now, mention)
        case RequestStatus.APPROVED:
            return _approved(notice, mention)
        case RequestStatus.DENIED:
            by = phrases.person(request.settled_by, mention)
            lead = f"Your request for {what} was *denied* by {by}{_dated(request)}."
            return _State(lead, blocks.quote(request.note), again)
        case RequestStatus.CANCELLED:
            lead = f"You *cancelled* your request for {what}{_dated(request)}."
            return _State(lead, (), again)
        case RequestStatus.LAPSED:
            lead = f"Your request for {what} has *lapsed*{_dated(request)}. Nothing was given."
            return _State(lead, blocks.quote(request.note), again)
        case _:
            assert_never(request.status)


def _pending(notice: Notice, now: datetime, mention: Mention) -> _State:
    request = notice.request
    what = phrases.role_in(request.role, request.place)
    long = phrases.how_long_from(request.duration, now)
    lead = f"Your request *waits* for approval: {what}."
    details = blocks.section(f"*Duration*\n{long}")
    more = [details, *review_card.reason_of(request)]
    if request.invites:
        more.append(blocks.section(_invitation(request.place)))
    more.append(blocks.context(_waits(request, notice.waiting_for, mention)))
    return _State(lead, more, cancel_button(request))


def _waits(request: AccessRequest, asked: Sequence[EmailAddress], mention: Mention) -> str:
    given = [decision.approver for decision in request.approvals]
    sentences = []
    if asked:
        sentences.append(f"Asked: {phrases.people(asked, mention)}.")
    if request.needed > 1:
        sentences.append(f"{request.needed} of them have to approve.")
    if given:
        sentences.append(f"Approved so far by {phrases.people(given, mention)}.")
    sentences.append(phrases.lapses(request.lapses_at))
    return " ".join(sentences)


def _invitation(place: Place) -> str:
    match place:
        case Team():
            then = f"and then added to {phrases.place(place)}"
        case Organization():
            then = "and then given the role"
        case _:
            assert_never(place)
    return (
        "You have no W&amp;B account yet. Once this is approved, you are invited to the "
        f"organization by e-mail {then}. The invitation stays when this access ends."
    )


def _approved(notice: Notice, mention: Mention) -> _State:
    request, grant = notice.request, notice.grant
    if grant is None or grant.status is GrantStatus.ISSUED:
        return _carried_out(request, grant, notice.trouble, mention)
    what = phrases.role_in(grant.role, grant.place)
    again = ask_again_button(request)
    match grant.status:
        case GrantStatus.ACTIVE:
            return _active(request, grant, notice.instead, mention)
        case GrantStatus.ENDING if grant.stuck:
            lead = (
                f"Your access as {what} is over, but W&amp;B has not taken it back yet. I keep "
                "trying, and the organization's admins know. You need not do anything."
            )
            return _State(lead, blocks.quote(grant.stuck))
        case GrantStatus.ENDING:
            lead = f"Your access as {what} is over and is being taken back."
            return _State(lead, blocks.quote(review_card.note_of(grant)))
        case GrantStatus.ENDED:
            over = f"{_ended_by(grant, mention)}{phrases.dated(grant.over_at)}"
            lead = f"Your access as {what} has *ended*{over}. {_left(notice, grant)}"
            return _State(lead.strip(), blocks.quote(review_card.note_of(grant)), again)
        case GrantStatus.FAILED:
            lead = f"You were approved as {what}, but it *failed*: nothing was given."
            return _State(lead, blocks.quote(review_card.note_of(grant)), again)
        case _:
            assert_never(grant.status)


def _carried_out(
    request: AccessRequest, grant: Grant | None, trouble: str, mention: Mention
) -> _State:
    what = phrases.role_in(request.role, request.place)
    by = phrases.people([one.approver for one in request.approvals], mention)
    lead = f"*Approved* by {by}: {what}."
    if trouble:
        lead += (
            " W&amp;B has not confirmed it yet, so do not count on it. I keep trying by myself "
            "and tell you here."
        )
    else:
        lead += " It is being carried out in W&amp;B."
    ends = phrases.end(grant.ends_at) if grant else phrases.how_long(request.duration)
    more = [*blocks.quote(trouble), blocks.context(f"{ends[0].upper()}{ends[1:]}.")]
    return _State(lead, more, done_button(grant) if grant else None)


def _active(
    request: AccessRequest, grant: Grant, instead: Instead | None, mention: Mention
) -> _State:
    what = phrases.role_in(grant.role, grant.place)
    ends = phrases.end(grant.ends_at)
    lead = f"You have {what}, *active* {ends}."
    if instead is not None:
        lead = f"You were given {what} {ends}, but {phrases.changed(instead)}"
    by = phrases.people(grant.approvers, mention)
    before = f"Before, you held {blocks.strong(request.held.name)} there. " if request.held else ""
    note = blocks.context(f"{before}Approved by {by}{_dated(request)}.")
    return _State(lead, (note,), done_button(grant))


def _left(notice: Notice, grant: Grant) -> str:
    """What is held there now; a note of the end itself says it better."""
    if grant.note == ACCOUNT_GONE:
        return ""
    if grant.ended_by in (CLOCK, grant.person) and review_card.note_of(grant):
        return ""
    if notice.held_now is None:
        return "You hold no role there now."
    as_before = ", as before" if notice.held_now == notice.request.held else ""
    return f"You hold {blocks.strong(notice.held_now.name)} there now{as_before}."


def _ended_by(grant: Grant, mention: Mention) -> str:
    if grant.ended_by in ("", CLOCK, BOT):
        return ""
    if grant.ended_by == grant.person:
        return " because you gave it back"
    return f" early, by {phrases.person(grant.ended_by, mention)}"


def _dated(request: AccessRequest) -> str:
    return phrases.dated(request.settled_at)
