"""`python -m tests.search`: search, print one table, exit 1 if a promise was broken.

python -m tests.search                       every single fault, pairs up to a number, a minute
python -m tests.search --long                all pairs, many triples and long histories: hours
python -m tests.search --replay "raise: 3.11.CRASH 5.2.LOST"      one history, step by step
"""

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from random import Random

import typer

from tests.search.explore import Explorer, Failure, Found, replay
from tests.search.faults import choice_from_text
from tests.search.machine import shown
from tests.search.promises import Broken
from tests.search.scenes import SCENES, Scene
from tests.search.wander import scene_of, wander

PAIRS = 600  # faulted steps a scene beyond its single faults, in the short search
SEEDS = 60


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.search", description=__doc__)
    parser.add_argument("--long", action="store_true", help="all pairs, triples, long histories")
    parser.add_argument("--scene", choices=[one.name for one in SCENES], help="only this one")
    parser.add_argument("--most", type=int, default=PAIRS, help="faulted steps a scene")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="long histories")
    parser.add_argument("--seed", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", help="one history, as a failure prints it")
    given = parser.parse_args(arguments)
    if given.replay:
        return replayed(given.replay)
    names = [scene.name for scene in SCENES if given.scene in (None, scene.name)]
    began = time.monotonic()
    depth, most = (3, 200_000) if given.long else (2, given.most)
    with ProcessPoolExecutor(given.jobs) as pool:
        searching = pool.map(partial(searched, depth=depth, most=most, seed=given.seed), names)
        seeds = range(given.seed, given.seed + given.seeds * (100 if given.long else 1))
        wandering = pool.map(wander, seeds, chunksize=5)
        found = [told(one) for one in searching]
        failures = [one for one in wandering if one is not None]
    took = time.monotonic() - began
    return summed_up(found, failures, len(seeds), took, given.jobs)


def searched(name: str, *, depth: int, most: int, seed: int) -> Found:
    """One scene, in whichever process."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # millions of small objects, hardly any of them in cycles
    return Explorer(scene_named(name), depth=depth, most=most, random=Random(seed)).run()


def scene_named(name: str) -> Scene:
    """One of the scenes, or the one of a seed. Raises `StopIteration`."""
    if name.startswith("seed "):
        return scene_of(int(name.removeprefix("seed ")))
    return next(scene for scene in SCENES if scene.name == name)


def told(found: Found) -> Found:
    """One line of the table."""
    by_faults = ", ".join(f"{count:,} with {n}" for n, count in found.histories.items() if n)
    left = f"; {found.left_out:,} states not hit" if found.left_out else ""
    typer.echo(
        f"{found.scene:22} {found.faulted:7,} faulted steps, {found.steps:7,} steps, "
        f"histories: {by_faults}{left}, broken: {len(found.failures)}",
    )
    return found


def summed_up(
    found: Sequence[Found], lost: Sequence[Failure], seeds: int, took: float, jobs: int
) -> int:
    """The last lines, and whether all is well."""
    schedules = sum(one.faulted for one in found) + seeds
    histories = sum(sum(one.histories.values()) for one in found)
    failures = [*(failure for one in found for failure in one.failures), *lost]
    for line in first_of_each(failures):
        typer.echo(f"BROKEN {line}")
    typer.echo(
        f"{schedules:,} schedules run ({histories:,} histories covered, {seeds} long ones) in "
        f"{took:.0f} s: {schedules / took / jobs:.0f} a second and core; {len(failures)} broken"
    )
    return 1 if failures else 0


def first_of_each(failures: Iterable[Failure]) -> list[Failure]:
    """One failure of each kind; the shortest of them."""
    kinds: dict[tuple[str, str], Failure] = {}
    for failure in failures:
        kind = failure.scene, failure.what[:24]
        known = kinds.get(kind)
        if known is None or len(failure.history) < len(known.history):
            kinds[kind] = failure
    return list(kinds.values())


def replayed(text: str) -> int:
    """Show one history step by step."""
    name, _, faults = text.partition(":")
    history = [choice_from_text(one) for one in faults.split() if one.count(".") == 2]
    machine = None
    try:
        for machine, moments in replay(scene_named(name.strip()), history):
            typer.echo(
                f"{machine.steps - 1:3} {machine.world.now:%d. %H:%M:%S} {', '.join(moments)}"
            )
    except Broken as broken:
        typer.echo(f"BROKEN {broken}")
        return 1
    finally:
        if machine is not None:
            typer.echo("\n".join(shown(machine)))
    typer.echo("Every promise was kept.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
