"""The Home tab: my access, my requests, waiting for me. Drawn whole each time it is opened.

For admins of the organization what is stuck stands above all. What waits for this person comes
next, because somebody else cannot go on without them. Published to one person at a time: when they
open it, and when something of theirs has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.views import blocks, needs_attention, sections
from bot.views.blocks import Block
from bot.views.phrases import Mention
from bot.views.sections import Room
from workflows.domain.drift import Instead
from workflows.domain.entitlements import Place, Role
from workflows.domain.grants import Grant
from workflows.domain.requests import AccessRequest
from workflows.domain.stuck import StuckItem

REQUEST_ACCESS = "home.request_access"

_ACCESS = Room(25, 3_000)  # the other lists get what the ones before leave
_REQUESTS = Room(25, 3_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage:
    """Everything about one person. `notice` is a sentence for the top, plain text, or empty.

    `instead` is what W&B shows in place of a grant, by its id; `standing_roles` what it shows,
    whoever gave it; `requests` newest first. `stuck` is for admins of the organization: the first
    few of `stuck_count`.
    """

    grants: Sequence[Grant] = ()
    instead: Mapping[str, Instead] = field(default_factory=dict)
    standing_roles: Sequence[tuple[Place, Role]] = ()
    requests: Sequence[AccessRequest] = ()
    waiting: Sequence[AccessRequest] = ()
    stuck: Sequence[StuckItem] = ()
    stuck_count: int = 0
    notice: str = ""


def draw(page: HomePage, *, now: datetime, mention: Mention) -> Block:
    """The view for `views.publish`."""
    drawn = [blocks.section(f":information_source: {blocks.escape(page.notice)}")]
    if not page.notice.strip():
        drawn = []
    drawn.append(
        blocks.section(
            "Get a role in Weights &amp; Biases for as long as you need it: ask, somebody who may "
            "decide approves, and it ends by itself."
        )
    )
    drawn.append(
        blocks.actions(
            blocks.button("Request access", action_id=REQUEST_ACCESS, value="home", style="primary")
        )
    )
    drawn.append(blocks.context("`/wandb help` shows what else you can ask for, and how."))
    return {"type": "home", "blocks": drawn + _lists(page, drawn, now, mention)}


def _lists(page: HomePage, above: Sequence[Block], now: datetime, mention: Mention) -> list[Block]:
    line = blocks.divider()
    room = Room(blocks.VIEW_BLOCKS, blocks.ALL_TEXT).less(above).less([line] * 4)
    stuck = needs_attention.draw(page.stuck, page.stuck_count)
    room = room.less(stuck)
    top = [line, *stuck] if stuck else []
    room_for_access = room.at_most(_ACCESS)
    access = sections.my_access(page.grants, page.instead, page.standing_roles, room_for_access)
    room = room.less(access)
    requests = sections.my_requests(
        page.requests, room.at_most(_REQUESTS), now=now, mention=mention
    )
    room = room.less(requests)
    waiting = sections.waiting_for_me(page.waiting, room, now=now, mention=mention)
    if page.waiting:
        return [*top, line, *waiting, line, *access, line, *requests]
    return [*top, line, *access, line, *requests, line, *waiting]
