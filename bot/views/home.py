"""The Home tab: my access, my requests, waiting for me. Drawn whole each time it is opened.

Published to one person at a time: when they open it, and when something of theirs has changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.views import blocks, sections
from bot.views.blocks import Block
from bot.views.phrases import Mention
from bot.views.sections import Room
from workflows.domain.entitlements import Place, Role
from workflows.domain.grants import Grant
from workflows.domain.requests import AccessRequest

REQUEST_ACCESS = "home.request_access"

_ACCESS = Room(25, 3_000)  # the other lists get what the ones before leave
_REQUESTS = Room(25, 3_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomePage:
    """Everything about one person. `notice` is a sentence for the top, plain text, or empty.

    `standing_roles` is what W&B shows, whoever gave it; `requests` newest first.
    """

    grants: Sequence[Grant] = ()
    standing_roles: Sequence[tuple[Place, Role]] = ()
    requests: Sequence[AccessRequest] = ()
    waiting: Sequence[AccessRequest] = ()
    notice: str = ""


def draw(page: HomePage, *, now: datetime, mention: Mention) -> Block:
    """The view for `views.publish`."""
    drawn = [blocks.section(f":information_source: {blocks.escape(page.notice)}")]
    if not page.notice.strip():
        drawn = []
    drawn.append(
        blocks.section(
            "Ask for access to Weights &amp; Biases here. Somebody who may decide approves it, "
            "and it ends by itself."
        )
    )
    drawn.append(
        blocks.actions(
            blocks.button("Request access", action_id=REQUEST_ACCESS, value="home", style="primary")
        )
    )
    room = Room(blocks.VIEW_BLOCKS, blocks.ALL_TEXT)
    access = room.less(drawn).at_most(_ACCESS)
    drawn += sections.my_access(page.grants, page.standing_roles, access)
    requests = room.less(drawn).at_most(_REQUESTS)
    drawn += sections.my_requests(page.requests, requests, now=now, mention=mention)
    rest = room.less(drawn)
    drawn += sections.waiting_for_me(page.waiting, rest, now=now, mention=mention)
    return {"type": "home", "blocks": drawn}
