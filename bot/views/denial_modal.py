"""The form that asks for the reason of a denial. It carries the request's id, and `home` when it
was opened on the Home tab: that is drawn again afterwards.
"""

from datetime import datetime

from bot.views import blocks, review_card
from bot.views.blocks import Block
from bot.views.phrases import Mention
from workflows.domain.checks import MAX_REASON
from workflows.domain.requests import AccessRequest

CALLBACK_ID = "denial_modal"
REASON = "reason"  # block id
REASON_INPUT = "reason_input"  # action id
ON_HOME = " home"  # behind the id


def draw(
    request: AccessRequest, *, now: datetime, mention: Mention, on_home: bool = False
) -> Block:
    """The modal for one request, with the case once more above the field."""
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": request.id + (ON_HOME if on_home else ""),
        "title": blocks.plain("Deny request", 24),
        "submit": blocks.plain("Deny", 24),
        "close": blocks.plain("Go back", 24),
        "blocks": [
            review_card.case_of(request, now, mention),
            *review_card.reason_of(request, "Their reason"),
            blocks.divider(),
            {
                "type": "input",
                "block_id": REASON,
                "label": blocks.plain("Reason", 100),
                "hint": blocks.plain("The person who asked is told this, with your name.", 150),
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON_INPUT,
                    "multiline": True,
                    "max_length": MAX_REASON,
                    "focus_on_load": True,
                },
            },
        ],
    }
