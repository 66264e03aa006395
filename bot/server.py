"""The HTTP side: guard → Bolt in the thread pool; `/healthz` and `/readyz`.

Bolt's own Starlette handler dispatches on the event loop, where one slow listener would hold up
all others; of its two translations only the way back is used. TLS, and time-outs of slow headers,
belong to the proxy in front.
"""

import logging
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType

import uvicorn
from anyio import CapacityLimiter, to_thread
from pydantic import SecretStr
from slack_bolt import BoltRequest, BoltResponse
from slack_bolt.adapter.starlette.handler import to_starlette_response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot import rush, shapes
from bot.guard import SIGNED, Guard

log = logging.getLogger(__name__)

SLACK_PATH = "/slack/events"
BOLT_THREADS = 12  # more would wait for the database, and keep the event loop from reading
SWITCH_SECONDS = 0.0003  # instead of 5 ms: whoever has a turn to write waits for Python at each row
HEALTH_THREADS = 2  # a slow database must not take the threads that answer Slack
GRACE_SECONDS = 6  # what is running may finish; most platforms kill after ten
KEEP_ALIVE_SECONDS = 65  # longer than the 60 s of common load balancers, or they reuse a closed one
MAX_HEADER_BYTES = 16 * 1024
BACKLOG = 2048

_NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Health:
    """How the process is. Not `ready`: no traffic yet. `degraded`: somebody outside is not well.
    `broken`: it becomes ready only when a person mends something.

    `checks` goes out to whoever asks: a part's name and a word about it, never a person or a team.
    """

    ready: bool
    degraded: bool = False
    broken: bool = False
    checks: Mapping[str, str] = field(default_factory=dict)


def build_server_app(
    dispatch: Callable[[BoltRequest], BoltResponse],
    health: Callable[[], Health],
    *,
    signing_secret: SecretStr,
    clock: Callable[[], float],
    new_reference: Callable[[], str],
    turns: rush.Turns,
) -> Guard:
    """Make the ASGI app. `dispatch` is `App.dispatch`; it and `health` are called in threads.

    `clock` gives seconds since the epoch. `new_reference` names a failure, both to whoever asked
    and in the one log record about it. What waits for its turn too long is refused.
    """
    slack = _slack_endpoint(dispatch, new_reference, turns)
    routes = [
        Route(SLACK_PATH, _unmarked, methods=["POST"]),
        Route("/healthz", _alive, methods=["GET"]),
        Route("/readyz", _ready_endpoint(health, new_reference), methods=["GET"]),
    ]
    pages = Starlette(routes=routes)
    pages.router.redirect_slashes = False  # one path, one spelling

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if SIGNED in scope:  # past Starlette's layers: in a rush they cost as much as reading
            await slack(scope, receive, send)
        else:
            await pages(scope, receive, send)

    # In front of all of Starlette, not among its middleware: a refusal costs nothing of it.
    return Guard(app, signing_secret=signing_secret, clock=clock, path=SLACK_PATH)


def _slack_endpoint(
    dispatch: Callable[[BoltRequest], BoltResponse],
    new_reference: Callable[[], str],
    turns: rush.Turns,
) -> ASGIApp:
    limiter = CapacityLimiter(BOLT_THREADS)
    tally = rush.Tally()

    async def slack(scope: Scope, receive: Receive, send: Send) -> None:
        response = await respond(Request(scope, receive), scope[SIGNED])
        await response(scope, receive, send)

    async def respond(request: Request, kind: bytes) -> Response:
        body = await request.body()

        def answer() -> Response:
            payload = shapes.read(kind, body)
            if payload is None:
                return _malformed()
            try:
                bolt_request = _bolt_request(request, body, payload)
            except Exception as error:  # signed, but of no shape that Slack sends
                log.warning("signed request not understood", extra={"kind": type(error).__name__})
                return _malformed()
            try:
                return to_starlette_response(dispatch(bolt_request))
            except Exception as error:  # the last net: Slack and the log get the same reference
                return _failed(error, new_reference())

        if not await turns.take():
            tally.add()
            return _busy(shapes.read(kind, body))
        try:
            # Abandoned only when the server stops and the grace is over.
            return await to_thread.run_sync(answer, limiter=limiter, abandon_on_cancel=True)
        finally:
            turns.give_back()

    return slack


def _malformed() -> Response:
    return PlainTextResponse("The request is malformed.\n", status_code=400)


def _busy(payload: shapes.Payload | None) -> Response:
    """What is answered to a delivery that nobody had time to look at."""
    if payload is None:
        return _malformed()
    answer = rush.refusal(payload)
    if answer is None:
        headers = {"retry-after": "5"}
        return PlainTextResponse("Too much at once.\n", status_code=503, headers=headers)
    return JSONResponse(answer)


def _bolt_request(request: Request, body: bytes, payload: shapes.Payload) -> BoltRequest:
    """What Bolt would make of the body, without reading it a second time.

    And without its mistake: Bolt (1.30, `slack_bolt.request.internals.parse_body`) takes a form
    that has the letters `payload` anywhere for an interaction and, finding no such field, for
    nothing: a command whose reason is "the payload service" would get no answer. Only the socket
    mode takes what was read already.
    """
    headers = {name: [value] for name, value in request.headers.items()}
    made = BoltRequest(body=payload, headers=dict(headers), mode="socket_mode")
    made.raw_body = body.decode("utf-8")  # Bolt checks the signature over it
    made.mode = "http"
    return made


def _failed(error: Exception, reference: str) -> Response:
    """A constant answer, and a record with where it broke but not with what the exception said."""
    stack = "".join(traceback.format_tb(error.__traceback__))
    fields = {"reference": reference, "kind": type(error).__name__, "stack": stack}
    log.error("request failed", extra=fields)
    return PlainTextResponse(f"Something went wrong. Reference: {reference}\n", status_code=500)


async def _unmarked(request: Request) -> Response:
    """A spelling of Slack's path that the guard did not take for its own."""
    return PlainTextResponse("Not Found", status_code=404)


async def _alive(request: Request) -> Response:
    return JSONResponse({"status": "alive"}, headers=_NO_STORE)


def _ready_endpoint(
    health: Callable[[], Health], new_reference: Callable[[], str]
) -> Callable[..., object]:
    limiter = CapacityLimiter(HEALTH_THREADS)

    async def ready(request: Request) -> Response:
        try:
            state = await to_thread.run_sync(health, limiter=limiter, abandon_on_cancel=True)
        except Exception as error:  # whatever it is, the process cannot be called ready
            response = _failed(error, new_reference())
            response.status_code = 503
            return response
        return _readiness(state)

    return ready


def _readiness(state: Health) -> Response:
    if state.ready:
        status = "degraded" if state.degraded else "ready"
    else:
        status = "broken" if state.broken else "starting"
    content: dict[str, object] = {"status": status}
    if state.checks:
        content["checks"] = dict(state.checks)
    return JSONResponse(content, status_code=200 if state.ready else 503, headers=_NO_STORE)


class Server(uvicorn.Server):
    """uvicorn, which says when it begins to stop and does not die of the signal that stopped it."""

    def __init__(self, app: ASGIApp, on_stop: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            loop="auto",  # uvloop where there is one: in a rush it stores what asyncio's would not
            http="h11",  # the one of the two that bounds the headers
            ws="none",
            lifespan="off",
            log_config=None,  # the composition root decides how records look
            access_log=False,
            proxy_headers=False,  # nothing here believes who the sender says it is
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say so first: the rest of the process winds down while the last answers go out."""
        self._on_stop()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Open the port (0: a free one), or raise `OSError`: in use, not allowed, no such address.

    Its connections inherit that what is written goes out at once, as with uvloop it does anyway:
    asyncio's own loop sees to that only where a socket names its protocol, and the body of an
    answer would wait up to 40 ms for the acknowledgment of its head (RFC 9293 section 3.7.4).
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def serve(app: ASGIApp, listening: socket.socket, on_stop: Callable[[], None]) -> None:
    """Answer HTTP until SIGTERM or SIGINT, then let running requests finish, and return.

    `on_stop` is called once, when stopping begins; it runs on the event loop and must only signal.
    For the main thread: others get no signals.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    server = Server(app, on_stop)
    host, port = listening.getsockname()[:2]
    log.info("listening", extra={"host": host, "port": port})

    def stop(number: int, frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn raises the signal again when it is done. With the default handler still there the
    # process would end in the middle of the caller's own stopping.
    before = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run(sockets=[listening])
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
