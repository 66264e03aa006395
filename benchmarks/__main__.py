"""`python -m benchmarks [GOAL …] [--long]`: measure and print one table; exit 1 for a miss."""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import conversation, fault_search, front_door, passes, replicas, rushes, sweep
from benchmarks.databases import Databases, opened
from benchmarks.measuring import Figure

Benchmark = Callable[[Path, Databases], Iterator[Figure]]


def goals(*, long: bool) -> dict[int, Benchmark]:
    """What measures which goal; `long`: with the full sizes, for minutes."""
    ends = 10_000 if long else 400
    return {
        1: conversation.clicks,
        2: conversation.forms,
        3: passes.applied,
        4: front_door.unsigned,
        5: partial(sweep.sizes, many=1_000_000 if long else 200_000),
        6: sweep.backlog,
        7: replicas.claims,
        9: rushes.burst,
        10: partial(passes.cpu, many=1_000_000 if long else 200_000),
        11: passes.calls,
        12: conversation.picker,
        13: fault_search.schedules,
        14: partial(rushes.endings, ends=ends, spread=60.0 if long else 20.0),
    }


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("goals", nargs="*", type=int, help="numbers; all without any")
    parser.add_argument("--long", action="store_true", help="full sizes; takes minutes")
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # what the bot says of a flood is not what is asked for here
    every = goals(long=given.long)
    unknown = sorted(set(given.goals) - every.keys())
    if unknown:
        parser.error(f"there is no goal {unknown[0]} here; there are {sorted(every)}")
    missed = 0
    for goal in given.goals or sorted(every):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            with opened(folder) as databases:
                for figure in every[goal](folder, databases):
                    missed += not figure.is_met
                    _say(line(figure))
        _say(f"    ({time.monotonic() - began:.0f} s)")
    return 1 if missed else 0


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def line(figure: Figure) -> str:
    """One line of the table."""
    sign = "<=" if figure.sense == "at most" else ">="
    verdict = "ok" if figure.is_met else "MISSED"
    measured = f"{figure.measured:8.2f} {sign} {figure.bar:<6g}"
    return f"{figure.goal:>2}  {figure.what:<58} {measured} {verdict:<6}  {figure.note}"


if __name__ == "__main__":
    sys.exit(main())
