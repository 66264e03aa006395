"""`/metrics` for Prometheus: what waits, what is stuck, how the calls outside fare.

In the text format (prometheus.io/docs/instrumenting/exposition_formats), on a port of its own,
which is there before the database is migrated and while it does not answer: then with less in it.
No name and no address is on the page.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from time import monotonic

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot import meters
from bot.server import Server, listen
from workflows.domain.reactions import JobKind
from workflows.services import stuck
from workflows.services.deps import Deps
from workflows.storage.unit_of_work import UnitOfWork

PREFIX = "wandb_access_"
FRESH = 1.0  # seconds that what the database said is shown again
PATIENCE = 2.0  # seconds that a page waits for the database
THREADS = 2  # pages drawn at once
_TYPE = "text/plain; version=0.0.4; charset=utf-8"

log = logging.getLogger(__name__)

Value = tuple[dict[str, str], float]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number, or one for each set of labels."""

    name: str
    help: str
    values: Iterable[Value]


@dataclass(frozen=True, slots=True)
class Running:
    """What a page asks of the process."""

    deps: Deps
    leads: Callable[[], bool]
    sweep_age: Callable[[], float]
    threads_alive: Callable[[], int]


class Page:
    """Draws it. Reads the database in a thread of its own, so that none that hangs holds it up."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._running: Running | None = None
        self._patience = patience
        self._changed = threading.Condition()
        self._reading = False
        self._stored: list[Gauge] = []
        self._read_at: float | None = None

    def attach(self, running: Running) -> None:
        """The process has started: there is more to say from here on."""
        self._running = running

    def draw(self) -> str:
        """The whole page, with whatever answers in time."""
        running = self._running
        stored = self._ask(running) if running else None
        up = [
            ({"component": "process"}, 1.0),
            ({"component": "database"}, float(stored is not None)),
        ]
        gauges = [
            Gauge("up", "1: it answers. The database does not while it is being migrated.", up),
            Gauge(
                "build_info", "Always 1; the version is a label.", [({"version": _version()}, 1.0)]
            ),
            *(_of_process(running) if running else ()),
            *(stored or ()),
        ]
        lines = [line for gauge in gauges for line in _gauge(gauge)]
        lines += [line for tally in meters.TALLIES for line in _tally(tally)]
        lines += [line for watch in meters.STOPWATCHES for line in _stopwatch(watch)]
        return "\n".join(lines) + "\n"

    def _ask(self, running: Running) -> list[Gauge] | None:
        """What the database says, at most a second old; None when it does not answer in time."""
        with self._changed:
            if self._is_fresh():
                return self._stored
            if not self._reading:
                self._reading = True
                threading.Thread(
                    target=self._read, args=(running,), name="metrics-reading", daemon=True
                ).start()
            self._changed.wait_for(lambda: not self._reading, self._patience)
            return self._stored if self._is_fresh() else None

    def _is_fresh(self) -> bool:
        return self._read_at is not None and monotonic() - self._read_at < FRESH

    def _read(self, running: Running) -> None:
        found: list[Gauge] | None = None
        try:
            with running.deps.look() as work:
                found = list(_of_database(work, running.deps))
        except Exception as error:  # whatever it is, the page says that the database is down
            log.warning("metrics without the database", extra={"error": type(error).__name__})
        finally:
            with self._changed:
                self._reading = False
                if found is not None:
                    self._stored, self._read_at = found, monotonic()
                self._changed.notify_all()


def _of_process(running: Running) -> Iterator[Gauge]:
    yield Gauge("leader", "1: this process does what one does for all.", _one(running.leads()))
    yield Gauge(
        "sweep_age_seconds", "Since this process last looked for ends.", _one(running.sweep_age())
    )
    yield Gauge("worker_threads", "Worker threads that are alive.", _one(running.threads_alive()))


def _of_database(work: UnitOfWork, deps: Deps) -> Iterator[Gauge]:
    now = deps.clock()
    states = ("running", "due", "failed", "later")
    jobs = work.attention.jobs_by_state(now)
    yield Gauge(
        "jobs",
        "What is owed: being done, due, waiting for another try, due later.",
        [
            ({"kind": kind, "state": state}, jobs.get((kind, state), 0))
            for kind in JobKind
            for state in states
        ],
    )
    oldest = work.attention.oldest_end()
    age = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
    yield Gauge("oldest_overdue_end_seconds", "Since the first end that is not done.", _one(age))
    counts = stuck.count(work, now=now)
    directions = (("take back", counts.take), ("give", counts.give), ("leftover", counts.leftover))
    yield Gauge(
        "stuck", "What is stuck, by direction.", [({"direction": d}, n) for d, n in directions]
    )
    open_grants = work.attention.open_by_status()
    yield Gauge(
        "grants",
        "Grants that are not over and done with, by status.",
        [({"status": s}, open_grants.get((s,), 0)) for s in ("issued", "active", "ending")],
    )
    pending = work.attention.pending_requests()
    yield Gauge("requests_pending", "Requests that wait for a decision.", _one(pending))
    gate = work.gate.load()
    yield Gauge("wandb_refuses_key", "1: nothing is changed in W&B.", _one(gate.is_closed))
    head = work.chain.head()
    yield Gauge("audit_head_seq", "The last sealed audit row.", _one(head.seq if head else 0))
    stored = work.chain.oldest_waiting()
    waits = 0.0 if stored is None else max(0.0, now.timestamp() - stored)
    yield Gauge("audit_waiting_seconds", "How long the oldest unsealed row waits.", _one(waits))


def _one(value: float) -> list[Value]:
    return [({}, float(value))]


def _version() -> str:
    try:
        return version("wandb-access-bot")
    except PackageNotFoundError:  # run from a folder that is not installed
        return "0"


# ── the text format ──────────────────────────────────────────────────────────────────────────────


def _gauge(gauge: Gauge) -> Iterator[str]:
    name = PREFIX + gauge.name
    yield from _head(name, gauge.help, "gauge")
    for labels, value in gauge.values:
        yield f"{name}{_labels(labels)} {value:g}"


def _tally(tally: meters.Tally) -> Iterator[str]:
    yield from _head(tally.name, tally.help, "counter")
    for values, count in sorted(tally.counts().items()):
        yield f"{tally.name}{_labels(dict(zip(tally.labels, values, strict=True)))} {count}"


def _stopwatch(watch: meters.Stopwatch) -> Iterator[str]:
    yield from _head(watch.name, watch.help, "histogram")
    buckets, total = watch.buckets()
    for bound, count in buckets:
        yield f'{watch.name}_bucket{{le="{bound}"}} {count}'
    yield f"{watch.name}_sum {total:.6f}"
    yield f"{watch.name}_count {buckets[-1][1]}"


def _head(name: str, help: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {help}"
    yield f"# TYPE {name} {kind}"


def _labels(labels: dict[str, str]) -> str:
    """All labels are our own words: none has a quote, a backslash or a line break in it."""
    return (
        "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else ""
    )


# ── serving ──────────────────────────────────────────────────────────────────────────────────────


def app(page: Page) -> Starlette:
    """`GET /metrics`, and nothing else."""
    limiter = CapacityLimiter(THREADS)

    async def metrics(request: Request) -> Response:
        text = await to_thread.run_sync(page.draw, limiter=limiter, abandon_on_cancel=True)
        headers = {"cache-control": "no-store", "content-type": _TYPE}
        return PlainTextResponse(text, headers=headers)

    served = Starlette(routes=[Route("/metrics", metrics, methods=["GET"])])
    served.router.redirect_slashes = False
    return served


@contextmanager
def serving(page: Page, host: str, port: int | None) -> Iterator[int | None]:
    """Serve it until the block is left, on the port that is given here; without a port, not at all.

    Raises `OSError` when the port cannot be opened.
    """
    if port is None:
        yield None
        return
    with listen(host, port) as listening:
        server = Server(app(page), on_stop=lambda: None)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="metrics", daemon=True
        )
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(1.0)
