"""What is wrong with a policy file: every mistake with its line, in one message."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """What is wrong in a line (from 1; 0: in the file as a whole), and what to do about it."""

    line: int
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.sentence}" if self.line else self.sentence


class PolicyFileError(Exception):
    """The policy cannot be used. The message names every mistake, one a line, and what to do."""

    def __init__(self, mistakes: Iterable[Mistake], *, path: Path | None = None) -> None:
        self.mistakes = tuple(sorted(mistakes))
        self.path = path
        super().__init__(self.mistakes, path)

    def __str__(self) -> str:
        found = f"{len(self.mistakes)} mistake{'' if len(self.mistakes) == 1 else 's'}"
        where = f" in {self.path}" if self.path else ""
        check = f"`wandb-access policy check {self.path or 'FILE'}`"
        return "\n".join(
            (
                f"The policy cannot be used: {found}{where}.",
                *(f"  {mistake}" for mistake in self.mistakes),
                f"Correct this, then look again with {check}; docs/policy.md explains every key.",
            )
        )
