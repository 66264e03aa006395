"""What a mutant is: one safeguard, the change that takes it away, and the test that misses it."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Safeguard:
    """`old` stands exactly once in `file`; with `new` in its place the `test` fails.

    `why` says what would happen without it. `test` is a file under `tests`, `::` and the name of a
    function there, if need be with its parameters in brackets.
    """

    name: str
    why: str
    file: str
    old: str
    new: str
    test: str

    def removed_from(self, text: str) -> str:
        """The file's text without the safeguard. Raises `ValueError` unless `old` is there once."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)
