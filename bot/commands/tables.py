"""A table for the terminal: columns as wide as what is in them, nothing that a terminal acts on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

SHOWN_ID = 12  # characters of an id in a table; six are enough to name it

T = TypeVar("T")
Column = tuple[str, Callable[[T], str]]
"""The title, and what to show of each item."""


def lines(columns: Sequence[Column[T]], items: Iterable[T]) -> Iterator[str]:
    """The titles, and a line for each item."""
    rows = [[title for title, _ in columns]]
    rows += [[plain(cell(item)) for _, cell in columns] for item in items]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()


def plain(text: str) -> str:
    """On one line, without what a terminal would act on; `-` where nothing is left."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split()) or "-"


def counted(number: int, one: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"
