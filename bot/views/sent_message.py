"""What a one-line request is answered with at once, to be seen by the asker alone."""

from collections.abc import Sequence
from datetime import datetime

from bot.views import blocks, phrases
from bot.views.blocks import Message
from bot.views.phrases import Mention
from workflows.domain.entitlements import EmailAddress
from workflows.domain.requests import AccessRequest


def draw(
    request: AccessRequest,
    approvers: Sequence[EmailAddress],
    *,
    channel: str | None,
    now: datetime,
    mention: Mention,
) -> Message:
    """What was asked for, until when it would last, and who is asked."""
    asked = blocks.escape(channel) if channel else phrases.people(approvers, mention)
    text = (
        f"Sent: {phrases.role_in(request.role, request.place)}, "
        f"{phrases.how_long_from(request.duration, now)}. "
        f"I have asked {asked}. My message to you will tell how it goes."
    )
    return blocks.message(text, [blocks.section(text)])
