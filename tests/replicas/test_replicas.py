"""Two replicas on one PostgreSQL: who does what, who takes over, and what one click comes to."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import httpx
import pytest

from sandbox.bot_process import BotProcess
from sandbox.bot_thread import BotThread
from sandbox.processes import warm
from sandbox.slack_people import Person
from sandbox.wandb_faults import Fault
from tests.journeys.rig import Journey
from tests.postgres import Postgres

TAKEN_OVER = 30.0  # seconds, at most, until what a dead process held is somebody else's
LEAD_TAKEN_OVER = 6.0

by_socket = pytest.mark.parametrize("pair", [True], indirect=True, ids=["socket"])


@dataclass
class Pair:
    """A journey with two bots of each kind at most, whichever the test starts."""

    journey: Journey
    stack: ExitStack
    processes: list[BotProcess] = field(default_factory=list)

    def process(self) -> BotProcess:
        """One more process; Slack's requests go to the newest that is ready."""
        process = self.stack.enter_context(
            BotProcess(self.journey.environ, self.journey.folder, start=warm)
        )
        self.processes.append(process)
        process.wait_until_ready()
        self.journey.slack.bot_url = process.events_url
        return process

    def thread(self) -> BotThread:
        """One more bot in this process."""
        return self.stack.enter_context(BotThread(self.journey.environ))

    def wait_for(self, *threads: BotThread) -> None:
        """Until each has read W&B."""
        self.journey.until(lambda: not any(one.bot.deps.held_up() for one in threads), 30)

    def leads(self, process: BotProcess) -> bool:
        """Whether it says that it leads."""
        answer = httpx.get(f"{process.url}/readyz", timeout=5, trust_env=False)
        return bool(answer.json()["checks"]["leader"] == "this process")


@pytest.fixture
def pair(postgres: Postgres, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Slack comes by HTTP, or by Socket Mode where a test says so (`by_socket`)."""
    with postgres.fresh() as url, ExitStack() as stack:
        socket_mode = getattr(request, "param", False)
        journey = Journey(tmp_path, database=url, socket_mode=socket_mode)
        journey.open()
        stack.callback(journey.check)
        stack.callback(journey.close)
        yield Pair(journey, stack)


def hung(journey: Journey) -> None:
    """Wait until W&B has been asked for a change and does not answer."""
    journey.until(
        lambda: any(one.method == "PATCH" and one.status == 0 for one in journey.api.calls), 20
    )


def in_the_middle_of_giving(pair: Pair, *, hang: float) -> BotProcess:
    """A replica that W&B leaves without an answer for so many seconds; another has begun since."""
    journey = pair.journey
    first = pair.process()
    journey.ask(journey.eve, "vision member 8h Release check")
    journey.card(journey.ada)
    journey.api.faults.add(Fault(method="PATCH", hang=hang))
    journey.approve(journey.ada)
    hung(journey)
    pair.process()
    return first


def given_once(journey: Journey, who: Person) -> None:
    """One addition, one card, one message."""
    who.wait_for_message("*active*", timeout=TAKEN_OVER)
    journey.ada.wait_for_message("*Active*", timeout=TAKEN_OVER)
    assert journey.role("eve") == "member"
    assert sum(one.applied for one in journey.writes()) == 1
    assert len(who.messages()) == len(journey.ada.messages()) == 1


def test_what_a_killed_replica_was_doing_is_done_by_the_other_within_half_a_minute(
    pair: Pair, long: bool
) -> None:
    if not long:
        pytest.skip("waits for a lease to run out: --long")
    journey, first = pair.journey, in_the_middle_of_giving(pair, hang=60)

    first.kill()
    began = monotonic()
    given_once(journey, journey.eve)

    assert monotonic() - began < TAKEN_OVER


def test_a_replica_that_is_stopped_hands_back_what_it_cannot_finish_within_ten_seconds(
    pair: Pair,
) -> None:
    journey, first = pair.journey, in_the_middle_of_giving(pair, hang=60)

    began = monotonic()
    code = first.terminate()
    stopped = monotonic() - began
    given_once(journey, journey.eve)
    given = monotonic() - began - stopped

    assert code == 0
    assert stopped < 10
    assert given < 10, "it did not wait for the lease to run out"


def test_when_the_leader_is_killed_the_other_leads_within_seconds(pair: Pair) -> None:
    first, second = pair.process(), pair.process()
    assert [pair.leads(one) for one in (first, second)] == [True, False]

    first.kill()
    began = monotonic()
    pair.journey.until(lambda: pair.leads(second), LEAD_TAKEN_OVER)

    assert monotonic() - began < LEAD_TAKEN_OVER


def test_only_the_leader_reads_everybody_again_and_again(pair: Pair) -> None:
    first, second = pair.thread(), pair.thread()
    pair.wait_for(first, second)
    leaders = [one for one in (first, second) if one.bot.leader.leads]
    followers = [one for one in (first, second) if not one.bot.leader.leads]
    assert (len(leaders), len(followers)) == (1, 1)
    assert leaders[0].bot.health().ready
    assert followers[0].bot.health().ready
    assert followers[0].bot.health().checks["leader"] == "another"
    assert not followers[0].bot.health().degraded


def test_a_replica_that_stands_still_and_wakes_up_again_does_no_harm(
    pair: Pair, long: bool
) -> None:
    if not long:
        pytest.skip("waits for a lease to run out: --long")
    journey, first = pair.journey, in_the_middle_of_giving(pair, hang=5)

    assert first.process is not None
    os.kill(first.process.pid, signal.SIGSTOP)
    given_once(journey, journey.eve)
    os.kill(first.process.pid, signal.SIGCONT)
    journey.until(lambda: first.wait_until_ready() is None, 20)

    given_once(journey, journey.eve)


# -- Socket Mode -----------------------------------------------------------------------------------


def with_a_connection_each(pair: Pair) -> BotThread:
    """Two replicas, each with a Socket Mode connection: one of them."""
    first, second = pair.thread(), pair.thread()
    slack = pair.journey.slack
    slack.wait_for(lambda: len(slack.courier.links) == 2, 20)
    pair.wait_for(first, second)
    return first


def facts(replica: BotThread) -> list[str]:
    """The names of all facts, oldest first."""
    with replica.bot.deps.look() as work:
        return [entry.event for entry in work.audit.all()]


@by_socket
def test_with_a_connection_each_what_slack_brings_to_either_has_one_effect(pair: Pair) -> None:
    journey, first = pair.journey, with_a_connection_each(pair)

    journey.ask(journey.eve, "vision member 2s Release check")  # goes to one
    card = journey.card(journey.ada)
    replies: list[object] = []
    barrier = threading.Barrier(2)

    def click() -> None:  # one click each, at once, by turns to the one and to the other
        barrier.wait(10)
        replies.append(journey.ada.click(card, "Approve"))

    threads = [threading.Thread(target=click) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    journey.eve.wait_for_message("*ended*", timeout=20)
    assert len(replies) == 2
    assert len(journey.eve.messages()) == len(journey.ada.messages()) == 1
    events = facts(first)
    for event in ("RequestSubmitted", "RequestApproved", "GrantActivated", "GrantEnded"):
        assert events.count(event) == 1
    assert sum(one.applied for one in journey.writes()) == 2


@by_socket
def test_the_same_command_brought_to_both_connections_is_one_request(pair: Pair) -> None:
    journey, first = pair.journey, with_a_connection_each(pair)

    sent = journey.eve.command("/wandb", "request-access vision member 8h Release check")
    again = journey.eve.retry(sent, as_slack=True)  # by turns: this time to the other

    assert (sent.error, again.error) == (None, None)
    journey.card(journey.ada)
    assert facts(first).count("RequestSubmitted") == 1
