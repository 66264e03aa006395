"""How the demo looks: a chat on a terminal, a paragraph for each thing that somebody sees or does.

Colours only where there is a terminal and NO_COLOR is not set (no-color.org).
"""

import os
import re
import shutil
import textwrap
import time
from collections.abc import Iterator, Mapping
from typing import TextIO

from sandbox.slack_forms import buttons_of
from sandbox.slack_people import Person
from sandbox.slack_state import Json, Message, View

BOT = "W&B Access"

_MARGIN = "  "
_BAR = "    │ "
_LONG = 1.0  # seconds; a pause of this length is worth a word
_EMOJI = {
    ":hourglass_flowing_sand:": "⏳",
    ":white_check_mark:": "✅",
    ":key:": "🔑",
    ":warning:": "⚠️",
}
_BOLD = re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])")
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "blue": "34", "cyan": "36"}


class Screen:
    """Prints to `out`; knows how long nothing was printed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colour = out.isatty() and not os.environ.get("NO_COLOR") and _can_colour()
        columns = shutil.get_terminal_size((92, 24)).columns if out.isatty() else 92
        self._width = max(60, min(columns, 100))
        self._last = time.monotonic()

    # -- the frame -----------------------------------------------------------------------------

    def title(self, text: str) -> None:
        """The first line of all."""
        self._line(self._style(text, "bold"))

    def chapter(self, text: str) -> None:
        """A heading."""
        self._line()
        self._line()
        self._line(self._style(text, "bold", "blue"))
        self._line(self._style("─" * self._width, "blue"))
        self._last = time.monotonic()

    def say(self, text: str) -> None:
        """A remark of the narrator."""
        self._line()
        for line in textwrap.wrap(text, self._width - len(_MARGIN)):
            self._line(_MARGIN + self._style(line, "dim"))

    def holds(self, what: str) -> None:
        """What W&B holds now, which was compared with what it should."""
        self._line()
        self._line(f"{_MARGIN}{self._style('W&B holds', 'green', 'bold')}  {what}  ✓")

    def wrong(self, expected: str, found: str) -> None:
        """What should have been so, and what is."""
        self._line()
        self._line(self._style("This is not as it should be.", "red", "bold"))
        self._line(f"{_MARGIN}expected  {expected}")
        self._line(f"{_MARGIN}found     {found}")

    def plain(self, text: str) -> None:
        """Lines as they are: of another program, or at the end."""
        for line in text.splitlines() or [""]:
            self._line(line)

    # -- what people do ------------------------------------------------------------------------

    def types(self, name: str, text: str) -> None:
        """Somebody types a command."""
        self._heading(f"{name} types")
        self._text(_BAR, self._style(text, "bold") if len(text) < self._width - 8 else text)

    def clicks(self, name: str, button: str) -> None:
        """Somebody presses a button."""
        self._heading(f"{name} clicks [{button}]")

    # -- what people see -----------------------------------------------------------------------

    def message(self, person: Person, name: str, message: Message) -> None:
        """A message in somebody's conversation with the app, or one that only they see."""
        to = f"{BOT} → {name}"
        if message.shown_only_to:
            to += "  (only visible to you)"
        elif message.history:
            to += "  (the same message, redrawn)"
        self._heading(to)
        self._blocks(person, message.blocks)

    def form(self, person: Person, name: str, view: View, answers: Mapping[str, str]) -> None:
        """A form as somebody has filled it in."""
        self._heading(f"{name} fills in this form")
        self._text(_BAR, self._style(view.content["title"]["text"], "bold"))
        for block in view.blocks:
            if block["type"] != "input":
                self._blocks(person, [block])
                continue
            label = block["label"]["text"]
            self._text(_BAR, f"{label:<10}{answers.get(label) or _initial(block)}", hang=10)
            if block.get("hint"):
                self._text(_BAR, " " * 10 + block["hint"]["text"], "dim", hang=10)
        ends = (view.content.get("close"), view.content.get("submit"))
        self._text(_BAR, " ".join(self._button(end["text"]) for end in ends if end))

    def _blocks(self, person: Person, blocks: list[Json]) -> None:
        for block in blocks:
            if block["type"] == "section" and "fields" in block:
                for field in block["fields"]:
                    label, _, value = _read(person, {"type": "section", "text": field}).partition(
                        "\n"
                    )
                    self._text(_BAR, f"{label.strip('*'):<10}{value}", hang=10)
            elif block["type"] == "actions":
                self._text(_BAR, " ".join(self._button(text) for text, _ in buttons_of(block)))
            else:
                is_small = block["type"] == "context"
                self._text(_BAR, _read(person, block), *(["dim"] if is_small else []))

    # -- how it is written ---------------------------------------------------------------------

    def _heading(self, text: str) -> None:
        waited = time.monotonic() - self._last
        later = f"  … {waited:.0f} s later" if waited > _LONG else ""
        self._line()
        self._line(_MARGIN + self._style(text, "cyan") + self._style(later, "dim"))

    def _text(self, before: str, text: str, *styles: str, hang: int = 0) -> None:
        for line in text.split("\n"):
            wrapped = textwrap.wrap(
                line, self._width - len(before), subsequent_indent=" " * hang
            ) or [""]
            for part in wrapped:
                self._line(before + self._style(self._marked(part), *styles))

    def _marked(self, text: str) -> str:
        return _BOLD.sub(lambda found: self._style(found[1], "bold"), text)

    def _button(self, text: str) -> str:
        return self._style(f"[{text}]", "bold")

    def _style(self, text: str, *styles: str) -> str:
        if not (self._colour and styles and text):
            return text
        return f"\x1b[{';'.join(_STYLES[each] for each in styles)}m{text}\x1b[0m"

    def _line(self, text: str = "") -> None:
        print(text.rstrip(), file=self._out, flush=True)
        self._last = time.monotonic()


def _read(person: Person, block: Json) -> str:
    """What this person reads of one block, with emoji for their codes."""
    text = person.text_of(Message("", "", "", "", [block]))
    for code, emoji in _EMOJI.items():
        text = text.replace(code, emoji)
    return re.sub("^>", "> ", text, flags=re.MULTILINE)


def _initial(block: Json) -> str:
    element = block["element"]
    return str(element.get("initial_value") or "")


def _can_colour() -> bool:
    return os.environ.get("TERM") != "dumb"


def roles_of(members: Mapping[str, str]) -> Iterator[str]:
    """`ada admin` for `{"ada@corp.example": "admin"}`, sorted."""
    for email, role in sorted(members.items()):
        yield f"{email.partition('@')[0]} {role}"
