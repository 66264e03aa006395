"""The help, with an example for every command; also the answer to what was not understood."""

from bot.views import blocks
from bot.views.blocks import Message

_COMMANDS = (
    ("/wandb request-access", "opens a form: team, role, for how long, why"),
    (
        '/wandb request-access "vision team" member 8h Check the release run',
        "asks at once; names with spaces in quotes",
    ),
    (
        "/wandb request-role admin until friday Move the billing",
        "asks for a role in the organization: member or admin",
    ),
    ("/wandb my-access", "what you have, until when, and what you asked for"),
    ("/wandb approvals", "what waits for your decision"),
    ("/wandb help", "this text"),
)
_DURATIONS = ("90s", "45m", "8h", "3d", "2w", "until friday", "until 2026-12-24", "permanent")


def draw(*, unknown: str = "", problem: str = "") -> Message:
    """The help. `unknown` is the word that was not understood, `problem` a sentence of ours."""
    first = "Ask for access to Weights &amp; Biases; it ends by itself."
    if unknown:
        first = f"I don't know “{blocks.name(unknown)}”. This is what I understand:"
    if problem:
        first = f"{blocks.escape(problem)} This is how it is written:"
    lines = [f"• `{command}`\n    {what}" for command, what in _COMMANDS]
    durations = ", ".join(f"`{each}`" for each in _DURATIONS)
    long = (
        f"*For how long:* {durations}. A span starts when it is approved; until a day means to "
        "its end; `permanent` only where the policy allows it."
    )
    drawn = [blocks.section(first), blocks.section("\n".join(lines)), blocks.section(long)]
    commands = ", ".join(command for command, _ in _COMMANDS)
    return blocks.message(f"{first} {commands}", drawn)
