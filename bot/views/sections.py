"""What one person sees of their own: my access, my requests, waiting for me.

The Home tab and the answers to `my-access` and `approvals` are put together from these. A list
that does not fit says how many are left out and where they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import assert_never

from bot.views import blocks, phrases, request_message, review_card
from bot.views.blocks import Block
from bot.views.phrases import Mention
from workflows.domain.drift import Instead
from workflows.domain.entitlements import Place, Role
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.requests import AccessRequest, RequestStatus
from workflows.ports import Notice


@dataclass(frozen=True, slots=True)
class Room:
    """How many blocks, and how many characters in all, something may take."""

    blocks: int
    text: int

    def less(self, drawn: Sequence[Block]) -> "Room":
        """What is left once this is drawn."""
        return Room(self.blocks - len(drawn), self.text - blocks.length(drawn))

    @property
    def is_enough(self) -> bool:
        """Whether what was drawn has fitted."""
        return self.blocks >= 0 and self.text >= 0

    def at_most(self, room: "Room") -> "Room":
        """The smaller of the two."""
        return Room(min(self.blocks, room.blocks), min(self.text, room.text))


def my_access(
    grants: Sequence[Grant],
    instead: Mapping[str, Instead],
    standing_roles: Sequence[tuple[Place, Role]],
    room: Room,
) -> list[Block]:
    """What was given through us, with its end and what became of it, and what W&B shows besides."""
    through_us = {grant.place for grant in grants}
    besides = [(place, role) for place, role in standing_roles if place not in through_us]
    items = chain(
        ([_grant(grant, instead.get(grant.id))] for grant in grants),
        (
            [blocks.section(f"{phrases.role_in(role, place)}, without an end.")]
            for place, role in besides
        ),
    )
    count = len(grants) + len(besides)
    empty = "You have no access to W&amp;B that I know of."
    return _list("My access", items, room, count=count, empty=empty, rest="See them in W&amp;B.")


def my_requests(
    requests: Sequence[AccessRequest], room: Room, *, now: datetime, mention: Mention
) -> list[Block]:
    """What waits first, then what has been decided."""
    pending = [one for one in requests if one.status is RequestStatus.PENDING]
    settled = [one for one in requests if one.status is not RequestStatus.PENDING]
    items = ([_request(request, now, mention)] for request in (*pending, *settled))
    empty = "You have not asked for anything yet."
    rest = "You have a message from me about each."
    return _list("My requests", items, room, count=len(requests), empty=empty, rest=rest)


def waiting_for_me(
    waiting: Sequence[AccessRequest], room: Room, *, now: datetime, mention: Mention
) -> list[Block]:
    """The cases to decide, each with its buttons, whole."""
    items = (
        [*[blocks.divider()][:number], *review_card.brief(Notice(request, None), now, mention)]
        for number, request in enumerate(waiting)
    )
    empty = "Nothing waits for your decision."
    rest = "Decide these first, then look again with `/wandb approvals`."
    title = f"Waiting for me ({len(waiting)})" if waiting else "Waiting for me"
    return _list(title, items, room, count=len(waiting), empty=empty, rest=rest)


def _grant(grant: Grant, instead: Instead | None) -> Block:
    what = phrases.role_in(grant.role, grant.place)
    end = phrases.end(grant.ends_at)
    done = request_message.done_button(grant)
    match grant.status:
        case GrantStatus.ISSUED:
            text = f"{what}, {end}. It is being carried out in W&amp;B."
            return blocks.section_with(text, done)
        case GrantStatus.ACTIVE if instead is not None:
            text = f"{what}, given {end}.\n{phrases.TROUBLE} {phrases.changed(instead)}"
            return blocks.section_with(text, done)
        case GrantStatus.ACTIVE:
            return blocks.section_with(f"{what}, {end}.", done)
        case GrantStatus.ENDING:
            over = phrases.dated(grant.over_at)
            return blocks.section(f"{what}: over{over}. It is being taken back in W&amp;B.")
        case GrantStatus.ENDED:
            return blocks.section(f"{what}: ended{phrases.dated(grant.over_at)}.")
        case GrantStatus.FAILED:
            return blocks.section(f"{what}: failed, nothing was given.")
        case _:
            assert_never(grant.status)


def _request(request: AccessRequest, now: datetime, mention: Mention) -> Block:
    what = phrases.role_in(request.role, request.place)
    if request.status is RequestStatus.PENDING:
        long = phrases.how_long_from(request.duration, now)
        lapses = phrases.lapses(request.lapses_at)
        text = f"{what}, {long}.\n*Waiting* for a decision. {lapses}"
        return blocks.section_with(text, request_message.cancel_button(request))
    text = f"{what}, {phrases.how_long(request.duration)}.\n{_outcome(request, mention)}"
    if request.status is RequestStatus.APPROVED:
        return blocks.section(text)
    return blocks.section_with(text, request_message.ask_again_button(request))


def _outcome(request: AccessRequest, mention: Mention) -> str:
    if request.status is RequestStatus.CANCELLED:
        return f"*Cancelled* by you{phrases.dated(request.settled_at)}."
    return review_card.outcome_of(request, mention)


def _list(
    title: str, items: Iterator[list[Block]], room: Room, *, count: int, empty: str, rest: str
) -> list[Block]:
    """The items that fit, `count` in all; drawn one by one, because most may not be needed."""
    drawn = [blocks.header(title)]
    if not count:
        return [*drawn, blocks.section(empty)]
    room = room.less(drawn)
    for left, item in zip(range(count, 0, -1), items, strict=True):
        more = blocks.context(f"… and {left} more. {rest}")
        needed = item if left == 1 else [*item, more]
        if not room.less(needed).is_enough:
            return [*drawn, more]
        drawn += item
        room = room.less(item)
    return drawn
