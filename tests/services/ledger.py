"""Who may hold what, said once more in a page and without the engine.

What a person holds without us is what was there, or what somebody set by hand since. On top of it
comes what was approved and is not over. Whoever set something by hand while a grant was open may
find either theirs or what was there before at its end.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from workflows.domain.entitlements import EmailAddress, Place, Role

Spot = tuple[EmailAddress, Place]


class Word(Enum):
    """How a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


@dataclass
class Wish:
    """A request and, once it is approved, its access.

    `lacks_people`: there were too few who could decide. `over`: ended before its time. `excused`:
    it may fail, and say why. `forgotten`: nothing of it can be there any more.
    """

    spot: Spot
    role: Role
    needed: int
    lasts: timedelta
    lapses_at: datetime
    word: Word = Word.PENDING
    yes: set[EmailAddress] = field(default_factory=set)
    lacks_people: bool = False
    since: datetime | None = None
    ends_at: datetime | None = None
    over: bool = False
    excused: bool = False
    forgotten: bool = False

    def is_open(self, now: datetime) -> bool:
        """Whether it still waits for a decision."""
        return self.word is Word.PENDING and now < self.lapses_at

    def is_live(self, now: datetime) -> bool:
        """Whether it gives something now."""
        return self.ends_at is not None and now < self.ends_at and not self.over


@dataclass
class Ledger:
    """`by_hand`: what each may hold without us, one thing unless somebody meddled with a grant."""

    by_hand: dict[Spot, set[Role | None]] = field(default_factory=dict)
    wishes: dict[str, Wish] = field(default_factory=dict)

    def approve(self, wish: Wish, by: EmailAddress, now: datetime) -> None:
        """One more yes; with the last one needed it begins."""
        wish.yes.add(by)
        if len(wish.yes) >= wish.needed:
            wish.word, wish.since, wish.ends_at = Word.APPROVED, now, now + wish.lasts

    def given(self, spot: Spot) -> list[Wish]:
        """Every access of which something may be there, in the order in which it was given."""
        every = self.wishes.values()
        found = [one for one in every if one.spot == spot and one.since and not one.forgotten]
        return sorted(found, key=lambda one: one.since or one.lapses_at)

    def explained(self, spot: Spot) -> set[Role | None]:
        """What can be there at any moment, however late and however often we were interrupted."""
        return self.by_hand[spot] | {one.role for one in self.given(spot)}

    def right(self, spot: Spot, now: datetime) -> set[Role | None]:
        """What is there once there was time and nothing went wrong."""
        live = [one.role for one in self.given(spot) if one.is_live(now)]
        if len(self.by_hand[spot]) > 1:
            return self.by_hand[spot] | set(live)
        (prior,) = self.by_hand[spot]
        best = max(live, key=lambda role: role.rank, default=None)
        if best is None or (prior is not None and prior.covers(best)):
            return {prior}
        return {[role for role in live if role.rank == best.rank][-1]}

    def settle(self, spot: Spot, held: Role | None) -> None:
        """Everything of ours is over there: what is held is theirs."""
        self.by_hand[spot] = {held}
        for wish in self.given(spot):
            wish.forgotten = True
