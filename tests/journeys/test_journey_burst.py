"""Many people at the same moment: each is answered, and what was said was done.

Within how many seconds: `make bench`, ratio 9.
"""

import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bot.rush import BUSY
from bot.server import BOLT_THREADS
from tests.bot.signing import signed_headers
from tests.journeys.burst import Brought, bring_at_once
from tests.journeys.conftest import Journeys
from tests.journeys.rig import SIGNING_SECRET, Journey
from tests.postgres import Postgres
from workflows.storage.database import Database

PEOPLE, MANY = 150, 1000
MEMORY = 64 * 1024  # KiB that a burst may add; each connection has its buffers


def asked_at_once(journey: Journey, url: str, count: int) -> list[Brought]:
    """Everybody types the same command."""
    requests = []
    for number in range(count):
        fields = {
            "command": "/wandb",
            "text": "request-access vision member 2h Burst",
            "user_id": journey.people[f"p{number}"].id,
            "trigger_id": f"burst.{number}",
        }
        body = urlencode(fields).encode()
        requests.append((signed_headers(body, _now(), secret=SIGNING_SECRET), body))
    return bring_at_once(url, requests)


def _now() -> float:
    return time.time()  # noqa: TID251 - Slack's own clock


def kind_of(answer: Brought) -> str:
    """Stored, or refused by what."""
    said = json.loads(answer.body)["text"]
    if said.startswith("Sent:"):
        return "stored"
    if said == BUSY:
        return "busy"
    assert re.search(r"wait for a decision in vision, and that is the most", said), said
    return "limit"


def peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_everybody_at_once_is_answered_and_what_was_said_is_so(
    journeys: Journeys, request: pytest.FixtureRequest, long: bool, kind: str
) -> None:
    count = MANY if long else PEOPLE
    if kind == "sqlite":
        _burst(journeys(), count)
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.fresh(migrated=False) as url:
        _burst(journeys(database=url), count)


def _burst(journey: Journey, count: int) -> None:
    for number in range(count):
        journey.add(f"p{number}")
    process = journey.start_process()
    assert process.process is not None
    before = peak_kib(process.process.pid)

    answers = asked_at_once(journey, process.events_url, count)
    added = peak_kib(process.process.pid) - before
    kinds = Counter(kind_of(one) for one in answers)
    process.terminate()

    assert stored(journey.database) == kinds["stored"]
    assert {one.status for one in answers} == {200}
    assert kinds["stored"] > 0
    assert added < MEMORY


def test_while_people_wait_for_an_answer_messages_give_way(journey: Journey) -> None:
    people = [journey.add(f"p{number}") for number in range(BOLT_THREADS + 4)]
    journey.running.bot.keeper.refresh()
    bot = journey.running.bot
    with ThreadPoolExecutor(len(people)) as everybody:
        with bot.database.write():  # nobody else stores anything meanwhile
            replies = [
                everybody.submit(one.command, "/wandb", "request-access vision member 2h Burst")
                for one in people
            ]
            journey.until(lambda: bot.worker.gives_way)
        said = {reply.result().text.partition(":")[0] for reply in replies}
    journey.until(lambda: not bot.worker.gives_way)

    assert said <= {"Sent", BUSY}
    assert "Sent" in said


def stored(url: str) -> int:
    """How many requests there are."""
    database = Database(url)
    try:
        with database.read() as connection:
            counted = connection.exec_driver_sql("SELECT count(*) FROM access_request").scalar()
            return int(counted or 0)
    finally:
        database.close()
