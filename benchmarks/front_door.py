"""Goal 4: what somebody without the signing secret can make us do."""

import asyncio
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Scope

from benchmarks import stage
from benchmarks.databases import Databases
from benchmarks.measuring import Figure, by_turns, ratio
from bot.rush import Turns
from bot.server import BOLT_THREADS, SLACK_PATH, Health, build_server_app
from sandbox.wandb_rules import wall_clock

PIECE = 64 * 1024
HUGE = 200 * 1024 * 1024
MOST = 5 * 1024 * 1024


def unsigned(folder: Path, databases: Databases) -> Iterator[Figure]:
    """An unsigned request, and one that is unsigned and huge."""
    ours = build_server_app(
        _never,
        lambda: Health(ready=True),
        signing_secret=SecretStr("a secret"),
        clock=lambda: wall_clock().timestamp(),
        new_reference=lambda: "none",
        turns=Turns(BOLT_THREADS),
    )
    bare = Starlette(routes=[Route(SLACK_PATH, _refuse, methods=["POST"])])
    body = stage.interaction(stage.submission("U1", "team-0"))
    with asyncio.Runner() as runner:
        mine, least = by_turns(
            lambda: runner.run(_many(ours, body)),
            lambda: runner.run(_many(bare, body)),
            each=10,
            clock=time.process_time,
        )
        memory, status = runner.run(_huge(ours))
    assert status in (401, 413), status
    yield ratio(
        4,
        "unsigned request, CPU against a bare Starlette answer",
        mine.median / MANY,
        least.median / MANY,
        bar=0.5,
    )
    yield Figure(
        4,
        "unsigned body of 200 MiB, memory against 5 MiB",
        memory / MOST,
        1.0,
        note=f"{memory / 1024:.0f} KiB",
    )


MANY = 100


async def _refuse(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse("The request is not signed by Slack.\n", status_code=401)


def _never(_request: object) -> Any:
    raise AssertionError("an unsigned request came through")


async def _many(app: ASGIApp, body: bytes) -> None:
    scope = _scope(len(body))
    for _ in range(MANY):
        assert await _post(app, scope, _Body(body)) == 401


async def _huge(app: ASGIApp) -> tuple[int, int]:
    """How much memory was added at the most, and the answer."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    status = await _post(app, _scope(None), _Body(bytes(PIECE), pieces=HUGE // PIECE))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most - before, status


class _Body:
    """A request body that comes in pieces."""

    def __init__(self, piece: bytes, *, pieces: int = 1) -> None:
        self.piece = piece
        self.left = pieces

    async def receive(self) -> Message:
        self.left -= 1
        if self.left < 0:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self.piece, "more_body": self.left > 0}


def _scope(length: int | None) -> Scope:
    size = b"transfer-encoding", b"chunked"
    if length is not None:
        size = b"content-length", str(length).encode()
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": SLACK_PATH,
        "raw_path": SLACK_PATH.encode(),
        "query_string": b"",
        "headers": [
            (b"host", b"bot.example"),
            (b"content-type", b"application/x-www-form-urlencoded"),
            size,
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }


async def _post(app: ASGIApp, scope: Scope, body: _Body) -> int:
    statuses: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(dict(scope), body.receive, send)
    return statuses[0]
