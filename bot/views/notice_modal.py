"""A modal that says one thing, where there is no message to say it under: Home tab, shortcut."""

from bot.views import blocks
from bot.views.blocks import Block


def draw(sentence: str) -> Block:
    """The sentence, and a button to close it."""
    return {
        "type": "modal",
        "title": blocks.plain("W&B access", 24),
        "close": blocks.plain("Close", 24),
        "blocks": [blocks.section(blocks.escape(sentence))],
    }
