"""Goals 3, 10 and 11: from a click to the access itself, and what a whole request costs.

The other side are the same parts without us: Bolt, plain commits, and the very calls that the bot
made to W&B and to Slack, sent again by bare clients.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from slack_sdk import WebClient

from benchmarks import stage
from benchmarks.bare import BareStore, bare_app
from benchmarks.databases import Databases
from benchmarks.measuring import Figure, Times, by_turns, ratio
from benchmarks.rows import add_grants
from bot.running import Bot
from bot.views import review_card
from sandbox.wandb_rules import wall_clock
from sandbox.wandb_wire import Recorded
from workflows.domain.entitlements import MEMBER, EmailAddress
from workflows.domain.roster import RosterPerson, RosterTeam
from workflows.storage.database import Database

EACH, ROUNDS = 4, 10
PEOPLE = EACH * (ROUNDS + 1) + 2


class Again:
    """The calls that were made since the last `forget`, sent again by bare clients."""

    def __init__(self, world: stage.World) -> None:
        self._world = world
        key = httpx.BasicAuth("", stage.WANDB_KEY)
        self._wandb = httpx.Client(base_url=world.wandb_server.url, auth=key, trust_env=False)
        self._slack = WebClient(token=stage.BOT_TOKEN, base_url=world.slack_server.url)
        self.to_wandb: list[Recorded] = []
        self.to_slack: list[tuple[str, dict[str, object]]] = []

    def forget(self) -> None:
        """Begin anew."""
        self._world.api.calls.clear()
        self._world.slack.calls.clear()

    def note(self) -> None:
        """What has been called since."""
        self.to_wandb = list(self._world.api.calls)
        self.to_slack = [(one.method, _as_sent(one.params)) for one in self._world.slack.calls]

    def send(self) -> None:
        """All of it."""
        for one in self.to_wandb:
            path = one.path + (f"?{one.query}" if one.query else "")
            self._wandb.request(one.method, path, json=one.body if one.method != "GET" else None)
        for method, params in self.to_slack:
            self._slack.api_call(method, params=params)

    def close(self) -> None:
        """Give the connections back."""
        self._wandb.close()


def _as_sent(params: Mapping[str, object]) -> dict[str, object]:
    """As slack_sdk sends it: what is structured as JSON."""
    return {
        name: json.dumps(value) if isinstance(value, list | dict) else value
        for name, value in params.items()
    }


def applied(folder: Path, databases: Databases) -> Iterator[Figure]:
    """Goal 3: click → W&B has it → read back → the card and the person are told."""
    for kind, ours, bare in databases.pairs():
        with stage.World(folder, people=PEOPLE) as world, world.built(ours) as bot:
            yield _applied(kind, world, bot, bare)


def _applied(kind: str, world: stage.World, bot: Bot, bare: str) -> Figure:
    stage.freshen(world, bot)
    asked = iter([_asked(world, bot, who) for who in world.people])
    again = Again(world)
    again.forget()
    _give(world, bot, next(asked))
    again.note()
    other = Database(bare)
    store = BareStore(other)
    app = bare_app(on_click=lambda _: store.decide(store.ask()), on_form=store.ask)

    def parts() -> None:
        app.dispatch(stage.request_of(stage.approval(world.ada, "none")))
        for _ in range(STEPS):
            store.decide(store.ask())
        again.send()

    mine, least = by_turns(
        lambda: _give(world, bot, next(asked)),
        parts,
        each=EACH,
        rounds=ROUNDS,
        before=lambda: stage.freshen(world, bot),
    )
    again.close()
    other.close()
    what = f"click, access in W&B, people told; {kind}, p50"
    return ratio(3, what, mine.median, least.median, bar=2.0)


STEPS = 4
"""Commits besides the decision that the promises ask for: `prior`, what is about to be sent, what
came of it, and where the message went."""


def _asked(world: stage.World, bot: Bot, who: str) -> str:
    """A request whose cards are out."""
    stage.must_be_ok(bot.slack.dispatch(stage.request_of(stage.submission(who, "team-0"))))
    bot.worker.run_due()
    return _on_the_card(world)


def _on_the_card(world: stage.World) -> str:
    """The request that the newest card is about, as Slack has it: the database is not asked."""
    shown = (call.params.get("blocks") for call in reversed(world.slack.calls))
    elements = (one for blocks in shown for block in blocks or () for one in _elements(block))
    approve = (one for one in elements if one.get("action_id") == review_card.APPROVE)
    return str(next(approve)["value"])


def _elements(block: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return block["elements"] if block["type"] == "actions" else ()


def _give(world: stage.World, bot: Bot, id: str) -> None:
    had = len(world.wandb.members("team-0"))
    click = stage.request_of(stage.approval(world.ada, id))
    stage.must_be_ok(bot.slack.dispatch(click))
    bot.worker.run_due()
    assert len(world.wandb.members("team-0")) == had + 1


def _scim_calls(again: Again) -> Figure:
    reads = sum(one.method == "GET" for one in again.to_wandb)
    return Figure(
        11,
        "W&B calls for a grant",
        len(again.to_wandb),
        5,
        note=f"{reads} reads, {len(again.to_wandb) - reads} writes; two people concerned",
    )


def _slack_calls(what: str, again: Again) -> Figure:
    methods = [method for method, _ in again.to_slack]
    return Figure(11, f"Slack calls for a {what}", len(methods), 3, note=", ".join(methods))


def calls(folder: Path, databases: Databases) -> Iterator[Figure]:
    """Goal 11: how often others are asked, with few people and with many."""
    for people in (20, 2_000):
        with stage.World(folder, people=people) as world, world.built(databases.sqlite()) as bot:
            stage.freshen(world, bot)
            for who in world.people[:2]:  # the first meets everybody for the first time
                again = Again(world)
                again.forget()
                id = _asked(world, bot, who)
                again.note()
            submit = _slack_calls(f"submit, {people:,} people", again)
            again.forget()
            _give(world, bot, id)
            again.note()
            yield submit
            yield _slack_calls(f"decision, {people:,} people", again)
            yield _scim_calls(again)
            again.close()


def cpu(folder: Path, databases: Databases, *, many: int) -> Iterator[Figure]:
    """Goal 10: CPU of a whole request against its parts; and with everything large."""
    with (
        stage.World(folder, people=2 * PEOPLE) as world,
        world.built(databases.sqlite()) as bot,
        world.built(databases.sqlite()) as burdened,
    ):
        _burden(burdened, many)
        mine, burden, least = _cpu(world, bot, burdened, databases.sqlite())
    what = "CPU of a whole request against its parts"
    yield ratio(10, what, mine.median, least.median, bar=1.5)
    what = f"the same with 1,000 teams, 10,000 people, {many:,} rows"
    yield ratio(10, what, burden.median, mine.median, bar=1.2)


def _cpu(world: stage.World, bot: Bot, burdened: Bot, bare: str) -> list[Times]:
    """Of a whole request, of one with everything large, and of its parts."""
    other = Database(bare)
    store = BareStore(other)
    app = bare_app(on_click=lambda _: store.decide(store.ask()), on_form=store.ask)
    people = iter(world.people)
    again = Again(world)
    _whole(world, burdened, next(people))
    again.forget()
    _whole(world, bot, next(people))
    again.note()

    def parts() -> None:
        app.dispatch(stage.request_of(stage.submission(world.ada, "team-0")))
        app.dispatch(stage.request_of(stage.approval(world.ada, "none")))
        for _ in range(STEPS + 2):  # and where both first messages went
            store.decide(store.ask())
        again.send()

    def freshen_both() -> None:
        stage.freshen(world, bot)
        stage.freshen(world, burdened)

    times = by_turns(
        lambda: _whole(world, bot, next(people)),
        lambda: _whole(world, burdened, next(people)),
        parts,
        each=EACH,
        rounds=ROUNDS,
        before=freshen_both,
        clock=time.process_time,
    )
    again.close()
    other.close()
    return times


def _whole(world: stage.World, bot: Bot, who: str) -> None:
    _give(world, bot, _asked(world, bot, who))


def _burden(bot: Bot, many: int) -> None:
    """Rows of years, a hundred listeners of others, and a W&B with many more people and teams."""
    add_grants(bot.database, 0, many, status="ended", issued_at=wall_clock(), ends_at=wall_clock())
    for number in range(100):
        bot.slack.action(f"nobody.presses.{number}")(lambda ack: ack())
    roster = bot.deps.rosters.current()
    people = {str(n): _somebody(n) for n in range(10_000)}
    teams = {
        f"other-{n}": RosterTeam(f"T{n}", f"other-{n}", {str(n * 10 + m): MEMBER for m in range(9)})
        for n in range(1_000)
    }
    with bot.deps.begin() as work:
        work.keep_roster(
            replace(roster, people={**roster.people, **people}, teams={**roster.teams, **teams})
        )


def _somebody(number: int) -> RosterPerson:
    email = EmailAddress(f"other-{number}@corp.example")
    return RosterPerson(
        account=str(number),
        username=f"other-{number}",
        name=f"Other {number}",
        email=email,
        emails=frozenset({email}),
        active=True,
        organization_role=MEMBER,
    )
