"""What `/wandb my-access` and `/wandb approvals` answer, to be seen by the asker alone."""

from collections.abc import Sequence
from datetime import datetime

from bot.views import blocks, sections
from bot.views.blocks import Message
from bot.views.phrases import Mention
from bot.views.sections import Room
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
    now: datetime,
    mention: Mention,
) -> Message:
    """What I have, until when, and what I asked for."""
    drawn = sections.my_access(grants, standing_roles, _ACCESS)
    drawn += sections.my_requests(requests, _ROOM.less(drawn), now=now, mention=mention)
    count = len({grant.place for grant in grants} | {place for place, _ in standing_roles})
    text = f"You have access in {_counted(count, 'place')}."
    return blocks.message(f"{text} You asked {_counted(len(requests), 'time')}.", drawn)


def approvals(waiting: Sequence[AccessRequest], *, now: datetime, mention: Mention) -> Message:
    """What waits for my decision."""
    drawn = sections.waiting_for_me(waiting, _ROOM, now=now, mention=mention)
    if not waiting:
        return blocks.message("Nothing waits for your decision.", drawn)
    return blocks.message(f"{_counted(len(waiting), 'request')} for you to decide.", drawn)


def _counted(count: int, thing: str) -> str:
    return f"{count or 'no'} {thing}{'' if count == 1 else 's'}"
