"""The head of the audit chain, posted where everybody can compare it with the log later."""

from datetime import datetime

from bot.views import blocks
from bot.views.blocks import Message
from workflows.domain.chain import Head


def draw(head: Head, at: datetime) -> Message:
    """Number and hash, and what they are good for. No name is in it."""
    title = f"The audit log has {head.seq} sealed row{'' if head.seq == 1 else 's'}"
    drawn = [
        blocks.section(f":lock: *{title}*"),
        blocks.section(f"`{head.hash}`"),
        blocks.context(
            f"Row {head.seq} ended with this hash {blocks.when(at)}. As long as "
            "`wandb-access audit verify` finds it there, nothing up to that row was changed."
        ),
    ]
    return blocks.message(f"{title}, ending with {head.hash[:12]}….", drawn)
