"""The help, with an example for every command; also the answer to what was not understood."""

from collections.abc import Iterable

from bot.views import blocks
from bot.views.blocks import Message

_ASK = (
    ("/wandb request-access", "opens a form: team, role, for how long, why"),
    (
        '/wandb request-access "vision team" member 8h Check the release run',
        "asks at once; names with spaces in quotes",
    ),
    (
        "/wandb request-role admin until friday Move the billing",
        "asks for a role in the organization: member or admin",
    ),
)
_LOOK = (
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
    durations = ", ".join(f"`{each}`" for each in _DURATIONS)
    long = (
        f"*For how long*\n{durations}\nIt starts when it is approved. `until friday` means to the "
        "end of Friday, `permanent` works only where the policy allows it."
    )
    drawn = [
        blocks.section(first),
        blocks.section(f"*Ask*\n{_lines(_ASK)}"),
        blocks.section(long),
        blocks.section(f"*Look and decide*\n{_lines(_LOOK)}"),
    ]
    commands = ", ".join(command for command, _ in (*_ASK, *_LOOK))
    return blocks.message(f"{first} {commands}", drawn)


def _lines(commands: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"`{command}` {what}" for command, what in commands)
