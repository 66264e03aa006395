"""The workspace on loopback: Web API, response URLs and Socket Mode on one port.

`url` ends with /api/, so it can be SLACK_API_URL. A raw ASGI application under uvicorn, because a
fault has to be able to cut a connection without an answer. Calls are served on the event loop:
they take microseconds and never wait for anybody but the workspace's lock.
"""

import asyncio
import concurrent.futures
import json
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.loopback import listen
from sandbox.slack_faults import NoAnswer
from sandbox.slack_state import Json
from sandbox.slack_world import ApiAnswer, SlackWorld

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# By (client, server): the address pair of a connection, as it stands in the ASGI scope.
_transports: dict[tuple[Any, Any], asyncio.Transport] = {}


class _Cuttable(H11Protocol):
    """Remembers its transport by its addresses, so that the application can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn itself
        super().connection_made(transport)
        _transports[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        _transports.pop((self.client, self.server), None)
        super().connection_lost(exc)


class _SocketLink:
    """One Socket Mode connection, used from other threads than the event loop's."""

    def __init__(self, send: Send, loop: asyncio.AbstractEventLoop) -> None:
        self._send = send
        self._loop = loop
        self._waiting: dict[str, concurrent.futures.Future[Json | None]] = {}

    def send(self, envelope: Json, seconds: float) -> Json | None:
        """Send an envelope and wait for its acknowledgement."""
        answer: concurrent.futures.Future[Json | None] = concurrent.futures.Future()
        self._waiting[envelope["envelope_id"]] = answer
        try:
            self.tell(envelope).result(seconds)
            return answer.result(seconds)
        except RuntimeError as closed:  # uvicorn's word for a websocket that was closed
            raise ConnectionError("the app's websocket was closed") from closed
        finally:
            del self._waiting[envelope["envelope_id"]]

    def tell(self, message: Json) -> concurrent.futures.Future[None]:
        """Send a message that is not acknowledged, such as hello and disconnect."""
        return asyncio.run_coroutine_threadsafe(self.write(message), self._loop)

    async def write(self, message: Json) -> None:
        """Send a message from the event loop."""
        await self._send({"type": "websocket.send", "text": json.dumps(message)})

    def close(self) -> None:
        """Close the connection without a word before."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop)

    async def _shut(self) -> None:
        await self._send({"type": "websocket.close", "code": 1000})

    def acknowledged(self, text: str) -> None:
        """Take what the app sent: {"envelope_id": …, "payload": …}."""
        message = json.loads(text)
        waiting = self._waiting.get(message.get("envelope_id", ""))
        if waiting is not None and not waiting.done():
            waiting.set_result(message.get("payload"))

    def gone(self) -> None:
        """Fail everybody who waits for an acknowledgement."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the app's websocket was closed"))


class SlackServer:
    """Serves a world within a `with` block; closes the world's own connections at the end."""

    def __init__(self, world: SlackWorld, *, port: int = 0) -> None:
        self.world = world
        self._port = port
        self._links: list[_SocketLink] = []
        self._stopping = threading.Event()

    def __enter__(self) -> "SlackServer":
        self._socket = listen(self._port)
        self._port = self._socket.getsockname()[1]
        self.world.hooks_url = f"http://127.0.0.1:{self._port}/hooks"
        self.world.socket_url = f"ws://127.0.0.1:{self._port}/link/"
        config = uvicorn.Config(
            self._app,
            http=_Cuttable,
            ws="websockets-sansio",
            # Slack pings too. Often, because slack_sdk closes only after its socket was read.
            ws_ping_interval=0.2,
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="slack-sandbox"
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.world.close()

    @property
    def url(self) -> str:
        """The base of the Web API, with its slash at the end."""
        return f"http://127.0.0.1:{self._port}/api/"

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every Socket Mode client to connect again, as Slack does every few hours."""
        for link in list(self._links):
            link.tell({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})

    def cut_sockets(self) -> None:
        """Close every Socket Mode connection without a word."""
        for link in list(self._links):
            link.close()

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        try:
            answer = self._answer(scope, body)
        except NoAnswer as lost:
            await self._cut(scope, receive, lost.seconds)
            return
        await _reply(send, answer)

    def _answer(self, scope: Scope, body: bytes) -> ApiAnswer:
        path = str(scope["path"])
        headers = {key.decode().lower(): value.decode() for key, value in scope["headers"]}
        params = dict(parse_qsl(scope["query_string"].decode()))
        params |= _arguments(headers.get("content-type", ""), body)
        if path.startswith("/hooks/"):
            return self.world.respond(path.removeprefix("/hooks/"), params)
        if not path.startswith("/api/"):
            return ApiAnswer(404, {}, "not found")
        token = headers.get("authorization", "").removeprefix("Bearer ") or params.get("token")
        return self.world.api(path.removeprefix("/api/"), params, token)

    async def _cut(self, scope: Scope, receive: Receive, seconds: float) -> None:
        """Wait, then cut the connection; not longer than the client or the server is there."""
        gone = asyncio.ensure_future(receive())
        for _ in range(int(seconds / 0.05)):
            if self._stopping.is_set() or gone.done():
                break
            await asyncio.wait({gone}, timeout=0.05)
        transport = _transports.get((scope["client"], scope["server"]))
        if transport is not None:
            transport.abort()
        await gone

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        if self.world.is_down or not str(scope["path"]).startswith("/link/"):
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        link = _SocketLink(send, asyncio.get_running_loop())
        await link.write(
            {
                "type": "hello",
                "num_connections": len(self._links) + 1,
                "debug_info": {"host": "sandbox", "approximate_connection_time": 18060},
                "connection_info": {"app_id": self.world.app_id},
            }
        )
        self._join(link)
        try:
            while (event := await receive())["type"] == "websocket.receive":
                if event.get("text"):
                    link.acknowledged(event["text"])
        finally:
            self._leave(link)

    def _join(self, link: _SocketLink) -> None:
        self._links.append(link)
        self.world.courier.links.append(link)
        self.world.announce()

    def _leave(self, link: _SocketLink) -> None:
        self._links.remove(link)
        self.world.courier.links.remove(link)
        link.gone()
        self.world.announce()


def _arguments(content_type: str, body: bytes) -> Json:
    if content_type.startswith("application/json"):
        data = json.loads(body or b"{}")
        return data if isinstance(data, dict) else {}
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


async def _reply(send: Send, answer: ApiAnswer) -> None:
    is_text = isinstance(answer.body, str)
    body = (
        answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
    )
    kind = "text/html" if is_text else "application/json; charset=utf-8"
    headers = {"content-type": kind, "content-length": str(len(body)), **answer.headers}
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
