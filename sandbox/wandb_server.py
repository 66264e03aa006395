"""The stand-in on a loopback socket, for tests of the whole bot and for the demo."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.loopback import listen
from sandbox.wandb_api import WandbApi
from sandbox.wandb_wire import Answer, Call

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_START_SECONDS = 10.0


class _BreakableProtocol(H11Protocol):
    """Hands its transport to the application, because ASGI has no way to break a connection."""

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio for each new connection."""
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "sandbox.transport": transport}, receive, send)

        self.app = with_transport


class _Server(uvicorn.Server):
    """Says when it accepts connections, which uvicorn leaves to polling."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn before it serves."""
        await super().startup(sockets=sockets)
        self.ready.set()


class WandbServer:
    """`with WandbServer(api) as server:` serves the API at `server.url` until the block ends.

    The state at the start is the one that `POST /_sandbox/reset` brings back, unless the world
    already remembers another one.
    """

    def __init__(self, api: WandbApi, *, port: int = 0) -> None:
        self.api = api
        self.url = ""  # known when it serves
        self._port = port
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            http=_BreakableProtocol,
            proxy_headers=False,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._serve, name="wandb-stand-in", daemon=True)
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> "WandbServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve in a thread of its own; returns when connections are accepted."""
        self.api.world.remember_once()
        self._socket = listen(self._port)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread.start()
        if not self._server.ready.wait(_START_SECONDS):
            raise TimeoutError("the W&B stand-in did not start")

    def stop(self) -> None:
        """Stop serving, end hanging answers, and wait for the thread."""
        self._server.should_exit = True
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._serve_until_stopped())

    async def _serve_until_stopped(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        await self._server.serve(sockets=[self._socket])

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        path, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
        answer = self.api.handle(Call(scope["method"], path, query, headers, body))
        if answer.hang and not await self._wait(answer.hang, receive):
            return
        if answer.reset:
            scope["sandbox.transport"].abort()
            await receive()  # uvicorn learns of the break before this call ends
            return
        await _send(answer, send)

    async def _wait(self, seconds: float, receive: Receive) -> bool:
        """Wait; false when the client left or the server stops before the time is over."""
        assert self._stopping is not None
        gone = asyncio.ensure_future(receive())
        stopping = asyncio.ensure_future(self._stopping.wait())
        done, pending = await asyncio.wait(
            (gone, stopping), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return gone not in done


async def _send(answer: Answer, send: Send) -> None:
    headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in answer.headers.items()]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
