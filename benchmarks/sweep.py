"""Goals 5 and 6: what it costs to find what is due, and to hand it out."""

import gc
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from benchmarks import stage
from benchmarks.databases import Databases
from benchmarks.measuring import Figure, by_turns, in_words, ratio
from benchmarks.rows import add_grants
from bot.running import Bot
from sandbox.wandb_rules import wall_clock
from workflows.services import expiry

FEW = 10_000


def sizes(folder: Path, databases: Databases, *, many: int) -> Iterator[Figure]:
    """Goal 5: a look for what is due, with few grants stored and with many."""
    now = wall_clock()
    with stage.World(folder) as world:
        for kind, few, lots in databases.pairs():
            with world.built(few) as small, world.built(lots) as large:
                for bot, count in ((small, FEW), (large, many)):
                    add_grants(
                        bot.database,
                        0,
                        count,
                        status="active",
                        issued_at=now - timedelta(hours=1),
                        ends_at=now + timedelta(days=30),
                    )
                least, most = by_turns(lambda: _look(small), lambda: _look(large), each=40)
            yield ratio(
                5,
                f"a sweep with {many:,} grants against {FEW:,}; {kind}",
                most.median,
                least.median,
                bar=1.5,
            )


def _look(bot: Bot) -> None:
    assert expiry.expire_due_grants(bot.deps) == 0
    expiry.lapse_overdue_requests(bot.deps)
    assert expiry.next_end(bot.deps) is not None


OVERDUE = 10_000
WITHIN = {"SQLite": 1.0, "PostgreSQL": 2.0}  # seconds after the start


def backlog(folder: Path, databases: Databases) -> Iterator[Figure]:
    """Goal 6: ten thousand ends that came while the bot was off."""
    now = wall_clock()
    with stage.World(folder) as world:
        for kind, url, _ in databases.pairs():
            with world.built(url) as bot:
                for hours in range(10):  # the newest are stored first: order must come of the sweep
                    add_grants(
                        bot.database,
                        hours * OVERDUE // 10,
                        OVERDUE // 10,
                        status="active",
                        issued_at=now - timedelta(days=2),
                        ends_at=now - timedelta(hours=1 + hours),
                    )
                gc.collect()
                gc.freeze()  # as `run` does when all is built
                began = time.perf_counter()
                assert expiry.expire_due_grants(bot.deps) == OVERDUE
                took = time.perf_counter() - began
                gc.unfreeze()
                assert _is_oldest_first(bot)
            yield Figure(
                6,
                f"{OVERDUE:,} overdue ends handed out, of the time allowed; {kind}",
                took / WITHIN[kind],
                1.0,
                note=in_words(took),
            )


def _is_oldest_first(bot: Bot) -> bool:
    """By the facts, in the order in which they were stored: row-9… ended longest ago."""
    with bot.deps.look() as work:
        ended = [
            int(one.subject.removeprefix("row-"))
            for one in work.audit.all()
            if one.event == "GrantExpired"
        ]
    thousands = [number // (OVERDUE // 10) for number in ended]
    return len(ended) == OVERDUE and thousands == sorted(thousands, reverse=True)
