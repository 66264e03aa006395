"""Goals 1, 2 and 12: how long Slack waits for us, against a bot that does the least there is."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import stage
from benchmarks.bare import BareStore, bare_app
from benchmarks.databases import Databases
from benchmarks.measuring import ROUNDS, Figure, by_turns, ratio
from bot.running import Bot
from workflows.storage.database import Database

EACH = 50


def clicks(folder: Path, databases: Databases) -> Iterator[Figure]:
    """Goal 1: click → stored → acknowledged."""
    for kind, ours, bare in databases.pairs():
        with stage.World(folder) as world, world.built(ours) as bot:
            yield from _clicks(kind, world, bot, bare)


def _clicks(kind: str, world: stage.World, bot: Bot, bare: str) -> Iterator[Figure]:
    other = Database(bare)
    store = BareStore(other)
    app = bare_app(on_click=store.decide, on_form=store.ask)
    total = (ROUNDS + 1) * EACH
    ours, theirs = [], [store.ask() for _ in range(total)]
    with bot.deps.begin() as work:
        for number in range(total):
            request = work.requests.save(stage.a_request(stage.address(number)))
            ours.append(request.id)
    click = iter([stage.request_of(stage.approval(world.ada, id)) for id in ours])
    bare_click = iter([stage.request_of(stage.approval(world.ada, id)) for id in theirs])

    mine, least = by_turns(
        lambda: stage.must_be_ok(bot.slack.dispatch(next(click))),
        lambda: stage.must_be_ok(app.dispatch(next(bare_click))),
        each=EACH,
        before=lambda: stage.freshen(world, bot),
    )
    other.close()
    what = f"click, stored, acknowledged; {kind}"
    yield ratio(1, f"{what}, p50", mine.median, least.median, bar=2.0)
    yield ratio(1, f"{what}, p99", mine.p99, least.p99, bar=5.0)


def forms(folder: Path, databases: Databases) -> Iterator[Figure]:
    """Goal 2: form sent → stored → acknowledged."""
    for kind, ours, bare in databases.pairs():
        teams, people = 10, (ROUNDS + 1) * EACH // 10 + 1  # as many of each as people come to
        with (
            stage.World(folder, people=people, teams=teams) as world,
            world.built(ours) as bot,
        ):
            yield from _forms(kind, world, bot, bare, teams)


def _forms(kind: str, world: stage.World, bot: Bot, bare: str, teams: int) -> Iterator[Figure]:
    other = Database(bare)
    store = BareStore(other)
    app = bare_app(on_click=store.decide, on_form=store.ask)
    for person in world.people:
        stage.know(bot, person)
    every = itertools.product(world.people, range(teams))
    form = (stage.request_of(stage.submission(who, f"team-{n}")) for who, n in every)
    ready = iter([next(form) for _ in range((ROUNDS + 1) * EACH)])
    same = stage.submission(world.people[0], "team-0")
    bare_form = iter([stage.request_of(same) for _ in range((ROUNDS + 1) * EACH)])
    mine, least = by_turns(
        lambda: stage.must_be_ok(bot.slack.dispatch(next(ready))),
        lambda: stage.must_be_ok(app.dispatch(next(bare_form))),
        each=EACH,
    )
    other.close()
    what = f"form sent, stored, acknowledged; {kind}"
    yield ratio(2, f"{what}, p50", mine.median, least.median, bar=2.0)
    yield ratio(2, f"{what}, p99", mine.p99, least.p99, bar=6.0)


def picker(folder: Path, databases: Databases) -> Iterator[Figure]:
    """Goal 12: the search in a list of a thousand teams."""
    options: list[dict[str, object]] = [
        {"text": {"type": "plain_text", "text": f"team-{n}"}, "value": f"team-{n}"}
        for n in range(100)
    ]
    app = bare_app(on_click=lambda id: id, on_form=lambda: None, options=options)
    with (
        stage.World(folder, teams=1_000) as world,
        world.built(databases.sqlite()) as bot,
    ):
        stage.know(bot, world.people[0])
        typed = stage.search(world.people[0], "7")
        mine, least = by_turns(
            lambda: stage.must_be_ok(bot.slack.dispatch(stage.request_of(typed))),
            lambda: stage.must_be_ok(app.dispatch(stage.request_of(typed))),
            each=20,
            clock=time.process_time,  # nothing is waited for
        )
    yield ratio(12, "CPU of a search among 1,000 teams", mine.median, least.median, bar=5.0)
