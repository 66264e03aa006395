"""How many schedules the fault search gets through, with the real engine."""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from benchmarks.databases import Databases
from benchmarks.measuring import Figure
from tests.search.explore import Explorer
from tests.search.scenes import SCENES

PAIRS = 150  # faulted steps of each scene beyond its single faults


def schedules(_folder: Path, _databases: Databases) -> Iterator[Figure]:
    """Every single fault of every scene and some pairs, on one core; each faulted step is one."""
    run = covered = broken = 0
    began = time.process_time()
    for scene in SCENES:
        found = Explorer(scene, depth=2, most=PAIRS, random=Random(0)).run()
        run += found.faulted
        covered += sum(found.histories.values())
        broken += len(found.failures)
    took = time.process_time() - began
    yield Figure(
        13,
        "schedules of the fault search a second and core",
        run / took,
        200,
        "at least",
        note=f"{run:,} run in {took:.0f} s of CPU, {covered:,} histories covered",
    )
    yield Figure(13, "of them broken promises", broken, 0)
