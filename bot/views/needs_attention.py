"""What is stuck, for admins of the organization: what, for whom, since when, why; try it now."""

from collections.abc import Sequence

from bot.views import blocks, phrases
from bot.views.blocks import Block
from workflows.domain.stuck import Direction, StuckItem

TRY_NOW = "home.try_now"

_REASON = 200  # characters of why; the whole of it is in the alert, and `wandb-access stuck` has it
_VALUE = 2_000  # characters of a button's value: docs.slack.dev/reference/block-kit/block-elements


def draw(items: Sequence[StuckItem], count: int) -> list[Block]:
    """The section, or nothing where nothing is stuck. `items` are the first of `count`."""
    if not items:
        return []
    drawn = [blocks.header(f"Needs attention ({count})")]
    drawn += [_item(item) for item in items]
    if count > len(items):
        more = f"… and {count - len(items)} more: `wandb-access stuck` lists them all."
        drawn.append(blocks.context(more))
    return drawn


def _item(item: StuckItem) -> Block:
    why = blocks.escape(blocks.plain_name(item.reason, _REASON)) if item.reason.strip() else ""
    since = blocks.when(item.since)
    text = f"{_what(item)}\n{_SINCE[item.direction]} {since}.{' ' if why else ''}{why}"
    if len(item.id) > _VALUE:
        return blocks.section(text)
    label = f"Try now: {item.person} in {item.place}"
    button = blocks.button("Try now", action_id=TRY_NOW, value=item.id, label=label)
    return blocks.section_with(text, button)


_SINCE = {
    Direction.TAKE: "Over since",
    Direction.GIVE: "Approved since",
    Direction.LEFTOVER: "Over since",
}


def _what(item: StuckItem) -> str:
    person = phrases.person(item.person, {})
    if item.role is None:
        where = phrases.place(item.place)
        return f"What landed late for {person} in {where} *cannot be taken back* yet."
    what = phrases.role_in(item.role, item.place)
    if item.direction is Direction.GIVE:
        return f"{what} *cannot be given* to {person} yet."
    return f"{what} *cannot be taken back* from {person} yet."
