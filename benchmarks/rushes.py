"""Goals 9 and 14: the bot as a process of its own while much happens at once.

These goals are about seconds that Slack and people wait, so the other side of the ratio is the
time that they allow. The stand-ins and whoever sends share the machine with the bot.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks import stage
from benchmarks.databases import Databases
from benchmarks.measuring import Figure, in_words, percentile
from sandbox.bot_process import BotProcess
from sandbox.slack_delivery import sign
from sandbox.wandb_rules import wall_clock
from workflows.domain.entitlements import MEMBER, EmailAddress
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.requests import AccessRequest, RequestStatus
from workflows.domain.standings import Standing
from workflows.storage.database import Database
from workflows.storage.unit_of_work import Work

SLACK_WAITS = 3.0  # seconds
BOUND = 5.0  # seconds from an end until the access is gone
FORMS, PEOPLE = 1_000, 20
AT_MOST = 5_000  # people; W&B lists 9,999 at the most
OF_A_TEAM = 100  # of them
STORED_A_SECOND = 500  # grants; fewer than what a slow machine stores


class Held(NamedTuple):
    """Access that will end: whose (p0, p1, …), and to which team."""

    number: int
    team: str


def burst(folder: Path, databases: Databases) -> Iterator[Figure]:
    """Goal 9: a thousand forms within a second, and a thousand others after them."""
    url = databases.sqlite()
    teams = 2 * FORMS // PEOPLE + 2
    with (
        stage.World(folder, people=PEOPLE, teams=teams) as world,
        BotProcess(world.environ(url), folder) as process,
    ):
        process.wait_until_ready()
        forms = [
            stage.interaction(stage.submission(who, f"team-{team}"))
            for team in range(teams)
            for who in world.people
        ]
        warm, forms = forms[: PEOPLE * 2], forms[PEOPLE * 2 :]
        _rush(process, url, warm, within=4.0)
        before = _memory(process)
        waited, stored = _rush(process, url, forms[:FORMS], within=1.0)
        after = _memory(process)
        _rush(process, url, forms[FORMS:], within=1.0)
        twice = _memory(process)
    yield from _answered(waited, stored)
    yield _grown("memory afterwards", before, after)
    yield _grown("memory after a second rush, of others, against the first", after, twice)


def _rush(
    process: BotProcess, url: str, forms: Sequence[bytes], *, within: float
) -> tuple[list[float], int]:
    """How long each waited for its answer, and how many were stored; when all is told again."""
    before = _stored(url)
    waited = asyncio.run(_send(process.events_url, forms, within=within))
    stored = _stored(url) - before
    _settle(url)
    return waited, stored


def _answered(waited: list[float], stored: int) -> Iterator[Figure]:
    yield Figure(
        9,
        f"{FORMS:,} forms within a second, the slowest answer of 3 s",
        max(waited) / SLACK_WAITS,
        1.0,
        note=f"slowest {in_words(max(waited))}, median {in_words(percentile(waited, 50))}",
    )
    answered = sum(seconds < SLACK_WAITS for seconds in waited)
    yield Figure(
        9,
        "of them stored",
        stored / FORMS,
        1.0,
        "at least",
        note=f"{stored} stored, {answered} answered in time",
    )


def _grown(what: str, before: int, after: int) -> Figure:
    note = f"{before / 1024:.0f} MiB, then {after / 1024:.0f} MiB"
    return Figure(9, what, after / before, 1.1, note=note)


async def _send(url: str, bodies: Sequence[bytes], *, within: float) -> list[float]:
    """Send all, evenly spread; how long each waited for its answer."""

    async def one(number: int, body: bytes) -> float:
        await asyncio.sleep(within * number / len(bodies))
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(_http(body, address.path))
        status = (await reader.readline()).split()[1]
        await reader.read()
        writer.close()
        assert status == b"200", status
        return time.perf_counter() - began

    address = urlsplit(url)
    return list(await asyncio.gather(*(one(n, body) for n, body in enumerate(bodies))))


def _http(body: bytes, path: str) -> bytes:
    at = int(wall_clock().timestamp())
    head = [
        f"POST {path} HTTP/1.1",
        "Host: bot.example",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
        f"X-Slack-Request-Timestamp: {at}",
        f"X-Slack-Signature: {sign(stage.SIGNING_SECRET, body, at)}",
        "Connection: close",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _stored(url: str) -> int:
    database = Database(url)
    with database.read() as connection:
        count: int = connection.exec_driver_sql("SELECT count(*) FROM access_request").scalar_one()
    database.close()
    return count


def _settle(url: str, seconds: float = 300.0) -> None:
    """Wait until every message is out."""
    database = Database(url)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with database.read() as connection:
            if not connection.exec_driver_sql("SELECT count(*) FROM job").scalar_one():
                break
        threading.Event().wait(0.5)
    database.close()


def _memory(process: BotProcess) -> int:
    """Resident memory in KiB (Linux: proc(5), `/proc/<pid>/status`)."""
    assert process.process is not None, "it was started"
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1])


def endings(folder: Path, databases: Databases, *, ends: int, spread: float) -> Iterator[Figure]:
    """Goal 14: how long after its end access is gone, while the bot is up."""
    url = databases.sqlite()
    people = min(ends, AT_MOST)
    with stage.World(folder, people=people, teams=-(-ends // OF_A_TEAM)) as world:
        held = [Held(n % people, f"team-{n // OF_A_TEAM}") for n in range(ends)]
        for one in held:
            world.wandb.set_team_role(f"p{one.number}", one.team, "member")
        with BotProcess(world.environ(url), folder) as process:
            process.wait_until_ready()
            due = _begin(world, url, held, spread)
            lags = _watch(world, due)
    worst = percentile(lags, 99)
    yield Figure(
        14,
        f"{ends:,} ends within {spread:g} s, p99 of the lag of 5 s",
        worst / BOUND,
        1.0,
        note=f"p99 {in_words(worst)}, median {in_words(percentile(lags, 50))}",
    )


def _begin(world: stage.World, url: str, held: Sequence[Held], spread: float) -> dict[Held, float]:
    """Grants that are active and soon over; when, by the monotonic clock."""
    database = Database(url)
    now, count = wall_clock(), time.monotonic()
    first = 5.0 + len(held) / STORED_A_SECOND
    due = {one: first + spread * number / len(held) for number, one in enumerate(held)}
    with Work(database).begin() as work:
        for one, after in due.items():
            person = stage.address(one.number)
            asked = stage.a_request(person, one.team)
            request = work.requests.save(_approved(asked))
            work.grants.save(
                Grant(
                    id=request.id,
                    person=person,
                    place=asked.place,
                    role=MEMBER,
                    approvers=(EmailAddress("ada@corp.example"),),
                    invites=False,
                    rule="defaults",
                    issued_at=now,
                    ends_at=now + timedelta(seconds=after),
                    status=GrantStatus.ACTIVE,
                    activated_at=now,
                )
            )
            work.standings.save(
                Standing(
                    person=person,
                    place=asked.place,
                    account=world.wandb.id_of(f"p{one.number}"),
                    noted=True,
                    prior_at=now,
                    last_seen=MEMBER,
                )
            )
    database.close()
    assert time.monotonic() - count < first, "all are stored before the first of them ends"
    return {one: count + after for one, after in due.items()}


def _approved(request: AccessRequest) -> AccessRequest:
    return replace(request, status=RequestStatus.APPROVED, settled_at=request.created_at)


def _watch(world: stage.World, due: dict[Held, float], seconds: float = 300.0) -> list[float]:
    """How much later than it should each is gone; looked at every few hundredths of a second.

    The stand-in is asked for whole teams: it goes through everybody to find one.
    """
    lags: list[float] = []
    left = dict(due)
    end = time.monotonic() + seconds
    while left:
        assert time.monotonic() < end, f"only {len(lags)} of {len(due)} are gone"
        threading.Event().wait(0.05)
        members = {team: world.wandb.members(team) for team in {one.team for one in left}}
        now = time.monotonic()
        gone = [one for one in left if stage.address(one.number) not in members[one.team]]
        lags.extend(now - left.pop(one) for one in gone)
    assert min(lags) > 0, "none is gone before its end"
    return lags
