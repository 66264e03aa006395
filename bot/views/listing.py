"""What `/wandb my-access` and `/wandb approvals` answer, to be seen by the asker alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.views import blocks, sections
from bot.views.blocks import Message
from bot.views.phrases import Mention
from bot.views.sections import Room
from workflows.domain.drift import Instead
from workflows.domain.entitlements import Place, Role
from workflows.domain.grants import Grant
from workflows.domain.requests import AccessRequest

_ROOM = Room(blocks.MESSAGE_BLOCKS, blocks.ALL_TEXT)
_ACCESS = Room(25, 6_500)  # half; requests get what it leaves


def my_access(
    grants: Sequence[Grant],
    standing_roles: Sequence[tuple[Place, Role]],
    requests: Sequence[AccessRequest],
    *,
    instead: Mapping[str, Instead],
    now: datetime,
    mention: Mention,
) -> Message:
    """What I have, until when, and what I asked for.

    `instead`: what W&B shows in place of a grant, by its id.
    """
    drawn = sections.my_access(grants, instead, standing_roles, _ACCESS)
    drawn += sections.my_requests(requests, _ROOM.less(drawn), now=now, mention=mention)
    count = len(_places(grants, instead) | {place for place, _ in standing_roles})
    text = f"You have access in {_counted(count, 'place')}."
    return blocks.message(f"{text} You asked {_counted(len(requests), 'time')}.", drawn)


def approvals(waiting: Sequence[AccessRequest], *, now: datetime, mention: Mention) -> Message:
    """What waits for my decision."""
    drawn = sections.waiting_for_me(waiting, _ROOM, now=now, mention=mention)
    if not waiting:
        return blocks.message("Nothing waits for your decision.", drawn)
    return blocks.message(f"{_counted(len(waiting), 'request')} for you to decide.", drawn)


def _places(grants: Sequence[Grant], instead: Mapping[str, Instead]) -> set[Place]:
    """Where there is something by our doing: not where W&B shows no role in place of it."""
    taken = {id for id, one in instead.items() if one.held is None}
    return {grant.place for grant in grants if grant.id not in taken}


def _counted(count: int, thing: str) -> str:
    return f"{count or 'no'} {thing}{'' if count == 1 else 's'}"
