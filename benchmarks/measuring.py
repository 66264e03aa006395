"""Two things measured by turns, so that what else the machine does hits both alike."""

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

ROUNDS = 12  # turns; short ones, because a shared machine changes its speed within seconds

Once = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: a goal is met when every line of it is.

    `measured` is compared with `bar`, which it may not pass (`at least`: has to reach). `note` says
    what the ratio is made of.
    """

    goal: int
    what: str
    measured: float
    bar: float
    sense: Literal["at most", "at least"] = "at most"
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it is within the bar."""
        if self.sense == "at most":
            return self.measured <= self.bar
        return self.measured >= self.bar


@dataclass(frozen=True, slots=True)
class Times:
    """How long one thing took, each time, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def p99(self) -> float:
        """What one in a hundred is slower than."""
        return percentile(self.seconds, 99)

    @property
    def total(self) -> float:
        """All of them."""
        return math.fsum(self.seconds)


def percentile(values: Iterable[float], percent: float) -> float:
    """By rank, without interpolation: a value that was really measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def by_turns(
    *things: Once,
    each: int,
    rounds: int = ROUNDS,
    before: Once = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Times]:
    """Do each thing `each` times in a row, by turns; `before` every round, unmeasured.

    The first round is not counted. `clock` is `time.process_time` where CPU is what is asked for.
    """
    seconds: list[list[float]] = [[] for _ in things]
    for number in range(rounds + 1):
        before()
        for thing, kept in zip(things, seconds, strict=True):
            gc.collect()
            gc.disable()  # whose turn it falls into would be chance
            try:
                taken = [_timed(thing, clock) for _ in range(each)]
            finally:
                gc.enable()
            if number:
                kept += taken
    return [Times(tuple(kept)) for kept in seconds]


def _timed(thing: Once, clock: Callable[[], float]) -> float:
    began = clock()
    thing()
    return clock() - began


def in_words(seconds: float) -> str:
    """A duration that a person can read."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1000:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def ratio(goal: int, what: str, ours: float, bare: float, *, bar: float) -> Figure:
    """How many times as long ours takes; its note says both sides."""
    note = f"{in_words(ours)} : {in_words(bare)}"
    return Figure(goal, what, ours / bare, bar, note=note)
