"""What can go wrong, at which moments, and what the world does then.

A moment is named as the product's own points are (`about to commit`, `committed`), or by the call
of a stand-in: `set_role asked`, `set_role answered`, `post asked` …
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """One thing that goes wrong, or one thing that somebody else does at a bad moment."""

    CRASH = "the process ends, and starts again at once"
    DEATH = "the process ends; another takes over when its lease has run out"
    COMMIT_FAILS = "the database refuses a commit"
    COMMIT_UNKNOWN = "the connection is cut while the commit succeeds"
    DOWN = "no answer, nothing done"
    LOST = "done, but the answer is lost"
    REFUSED = "W&B says no"
    CLOSED = "W&B refuses our key"
    CHANGED = "412: somebody changed it since"
    IGNORED = "200, but not applied"
    LATE = "no answer; it lands half a minute later"
    VERY_LATE = "no answer; it lands just after the next end"
    STALE = "the reading is from before the last change"
    STALLED = "the process stalls until its lease has run out, and another works meanwhile"
    END = "the next end comes at this very moment"
    GIVEN_BACK = "the person is done with it at this very moment"
    HAND_REMOVES = "an admin removes the role by hand"
    HAND_RAISES = "an admin raises the role by hand"
    RIGHT_LOST = "the approver is no admin any more"


_COMMITTED = (
    Fault.CRASH,
    Fault.DEATH,
    Fault.COMMIT_UNKNOWN,
    Fault.STALLED,
    Fault.END,
    Fault.GIVEN_BACK,
    Fault.RIGHT_LOST,
)
_ANSWERED = (
    Fault.CRASH,
    Fault.DEATH,
    Fault.STALLED,
    Fault.END,
    Fault.GIVEN_BACK,
    Fault.HAND_REMOVES,
    Fault.HAND_RAISES,
)
_CHANGE_ASKED = (
    Fault.DOWN,
    Fault.REFUSED,
    Fault.CLOSED,
    Fault.CHANGED,
    Fault.IGNORED,
    Fault.LATE,
    Fault.VERY_LATE,
)

POSSIBLE: dict[str, Sequence[Fault]] = {
    "about to commit": (Fault.COMMIT_FAILS,),
    "committed": _COMMITTED,
    "read asked": (Fault.DOWN, Fault.CLOSED, Fault.STALE),
    "read answered": (*_ANSWERED, Fault.RIGHT_LOST),
    "set_role asked": _CHANGE_ASKED,
    "set_role answered": (*_ANSWERED, Fault.LOST),
    "invite asked": (Fault.DOWN, Fault.REFUSED, Fault.CLOSED),
    "invite answered": (Fault.CRASH, Fault.DEATH, Fault.LOST),
    "put_back asked": (Fault.DOWN, Fault.REFUSED),
    "put_back answered": (Fault.CRASH, Fault.LOST),
    "post asked": (Fault.DOWN,),
    "post answered": (Fault.CRASH, Fault.LOST),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """This fault, at the n-th moment of the n-th step of a history."""

    step: int
    moment: int
    fault: Fault

    def __str__(self) -> str:
        return f"{self.step}.{self.moment}.{self.fault.name}"


def choice_from_text(text: str) -> Choice:
    """`12.3.CRASH`. Raises `ValueError`."""
    step, moment, fault = text.split(".")
    try:
        return Choice(int(step), int(moment), Fault[fault])
    except KeyError:
        raise ValueError(f"there is no fault {fault}") from None


def choices(step: int, moments: Sequence[str]) -> Iterator[Choice]:
    """Every fault that this step can meet."""
    for number, name in enumerate(moments):
        for fault in POSSIBLE.get(name, ()):
            yield Choice(step, number, fault)
