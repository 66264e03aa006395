"""The page of metrics: what it counts, that it names nobody, that it is there in any trouble."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from bot import meters, metrics
from bot.meters import SECONDS, Stopwatch, Tally
from bot.metrics import Page, Running
from bot.server import listen
from bot.wandb import MeteredClient
from sandbox.bot_process import BotProcess
from sandbox.processes import warm
from tests.bot.test_main import environ_of
from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, OLGA, VISION
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.errors import DirectoryClosed
from workflows.storage.unit_of_work import UnitOfWork

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? [0-9.e+-]+')


def running(rig: Rig) -> Running:
    return Running(rig.deps, lambda: True, lambda: 1.5, lambda: 7)


def a_page(rig: Rig) -> Page:
    page = Page()
    page.attach(running(rig))
    return page


def values(text: str) -> dict[str, float]:
    """Every sample, by its name and labels."""
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in samples), samples
    pairs = (line.rsplit(" ", 1) for line in samples)
    return {name.removeprefix(metrics.PREFIX): float(value) for name, value in pairs}


def test_before_anything_has_started_the_page_is_there_and_says_so() -> None:
    found = values(Page().draw())

    assert found['up{component="process"}'] == 1
    assert found['up{component="database"}'] == 0
    assert "grants" not in {name.partition("{")[0] for name in found}


def test_what_waits_and_what_is_stuck_is_counted(rig: Rig) -> None:
    rig.submit()
    rig.approved(requester=OLGA, role=MEMBER, by=ADA)
    id = rig.approved(requester=EVE, role=ADMIN, duration=Span(3600))
    rig.run()
    for email in (ADA, BOB):
        rig.directory.put(email, VISION, MEMBER)
    rig.rosters.read()
    rig.wait(HOUR)
    rig.clock.advance(timedelta(minutes=3))
    page = a_page(rig)

    found = values(page.draw())

    assert found['up{component="database"}'] == 1
    assert found['stuck{direction="take back"}'] == 1
    assert found['stuck{direction="give"}'] == found['stuck{direction="leftover"}'] == 0
    assert found['grants{status="ending"}'] == 1
    assert found['grants{status="active"}'] == 1
    assert found["requests_pending"] == 1
    assert found["oldest_overdue_end_seconds"] == 180
    assert found['jobs{kind="ensure",state="due"}'] == 1
    assert found["wandb_refuses_key"] == 0
    assert (found["leader"], found["worker_threads"]) == (1, 7)
    assert found["sweep_age_seconds"] == 1.5
    assert found["audit_head_seq"] == 0
    assert found["audit_waiting_seconds"] >= 0
    assert rig.grant(id).stuck


def test_a_refused_key_shows(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.directory.fail_next(DirectoryClosed("401"), on="read")
    rig.approved()
    rig.run()

    assert values(a_page(rig).draw())["wandb_refuses_key"] == 1


def test_the_page_names_nobody_and_nothing(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.approved(role=MEMBER)
    rig.submit(requester=OLGA, role=ADMIN, reason="the secret project")
    rig.run()

    text = a_page(rig).draw()

    for word in ("corp.example", "@", "olga", "vision", "secret"):
        assert word not in text.lower()


def test_the_database_is_asked_at_most_once_a_second(sqlite_rig: Rig) -> None:
    looks: list[int] = []
    look = sqlite_rig.deps.look

    @contextmanager
    def counted() -> Iterator[UnitOfWork]:
        looks.append(1)
        with look() as work:
            yield work

    page = Page()
    page.attach(replace(running(sqlite_rig), deps=replace(sqlite_rig.deps, look=counted)))
    first, second = page.draw(), page.draw()

    assert len(looks) == 1
    assert values(first)["requests_pending"] == values(second)["requests_pending"] == 0


def test_without_the_database_the_page_says_so_and_shows_the_rest(
    sqlite_rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    def down() -> object:
        raise OSError("canary")

    page = Page()
    page.attach(replace(running(sqlite_rig), deps=replace(sqlite_rig.deps, look=down)))  # type: ignore[arg-type]  # as it fails
    found = values(page.draw())

    assert found['up{component="database"}'] == 0
    assert found["worker_threads"] == 7
    assert "canary" not in caplog.text


def test_a_database_that_hangs_holds_the_page_up_for_a_moment_only(sqlite_rig: Rig) -> None:
    free = threading.Event()
    began: list[int] = []

    @contextmanager
    def hanging() -> Iterator[UnitOfWork]:
        began.append(1)
        free.wait(20)
        with sqlite_rig.deps.look() as work:
            yield work

    page = Page(patience=0.05)
    page.attach(replace(running(sqlite_rig), deps=replace(sqlite_rig.deps, look=hanging)))
    hung = [values(page.draw())['up{component="database"}'] for _ in range(2)]
    free.set()
    soon = until(lambda: values(page.draw())['up{component="database"}'] == 1)

    assert hung == [0, 0]
    assert soon
    assert len(began) == 1, "one reading at a time, however many ask"


def until(condition: Callable[[], bool]) -> bool:
    """Whether it comes true before long; each look waits a little by itself."""
    return any(condition() for _ in range(200))


# -- serving ---------------------------------------------------------------------------------------


def test_it_is_served_on_a_port_of_its_own_and_nothing_else_is() -> None:
    with metrics.serving(Page(), "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        page = httpx.get(f"{url}/metrics", trust_env=False)
        others = [httpx.get(url + path, trust_env=False) for path in ("/", "/metrics/", "/readyz")]
        posted = httpx.post(f"{url}/metrics", trust_env=False)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "server" not in page.headers
    assert values(page.text)['up{component="process"}'] == 1
    assert [one.status_code for one in others] == [404, 404, 404]
    assert posted.status_code == 405


def test_without_a_port_it_is_not_served() -> None:
    with metrics.serving(Page(), "127.0.0.1", None) as port:
        assert port is None


def test_a_port_in_use_is_an_error() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):  # noqa: SIM117 - the order counts
        with metrics.serving(Page(), "127.0.0.1", taken.getsockname()[1]):
            pass


# -- counting --------------------------------------------------------------------------------------


def test_a_tally_counts_by_its_labels() -> None:
    tally = Tally("t", "", "one", "two")
    for labels in (("a", "b"), ("a", "b"), ("a", "c")):
        tally.add(*labels)

    assert tally.counts() == {("a", "b"): 2, ("a", "c"): 1}


def test_a_stopwatch_adds_up_what_took_at_most_so_long() -> None:
    watch = Stopwatch("s", "")
    for seconds in (0.05, 0.06, 99.0):
        watch.add(seconds)
    buckets, total = watch.buckets()

    assert dict(buckets) == {"0.05": 1, **{str(bound): 2 for bound in SECONDS[1:]}, "+Inf": 3}
    assert total == pytest.approx(99.11)


def test_each_call_to_w_and_b_is_counted_with_its_status_or_without_one() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/down":
            raise httpx.ConnectError("refused")
        return httpx.Response(204)

    before = meters.WANDB_CALLS.counts()
    timed = meters.WANDB_SECONDS.buckets()[0][-1][1]
    with MeteredClient(transport=httpx.MockTransport(answer), base_url="http://w") as client:
        client.patch("/up")
        with pytest.raises(httpx.ConnectError):
            client.get("/down")

    after = meters.WANDB_CALLS.counts()
    for labels in (("PATCH", "204"), ("GET", "none")):
        assert after[labels] - before.get(labels, 0) == 1
    assert meters.WANDB_SECONDS.buckets()[0][-1][1] - timed == 2


def test_w_and_b_is_not_sent_back_what_it_or_a_proxy_sets_as_a_cookie() -> None:
    sent: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers)
        return httpx.Response(200, headers={"Set-Cookie": "session=somebody; Path=/"})

    with MeteredClient(transport=httpx.MockTransport(answer), base_url="http://w") as client:
        client.get("/")
        client.get("/")

    assert [headers.get("cookie") for headers in sent] == [None, None]


def test_run_serves_it_where_a_port_is_set(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environ = environ_of(tmp_path, METRICS_PORT=str(port))
    with BotProcess(environ, tmp_path, start=warm) as running_bot:
        running_bot.wait_until("/healthz", 200)
        page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        found = values(page.text)
        assert running_bot.terminate() == 0

    assert found['up{component="database"}'] == 1
    assert found["worker_threads"] > 0
    assert found["requests_pending"] == 0
