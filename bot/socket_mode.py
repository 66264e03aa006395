"""Slack's deliveries over Socket Mode: each once, and none that has waited for too long.

slack_sdk queues what comes without a limit and Slack waits three seconds, so what waited too long
is answered without being begun (`bot.rush`). There is no signature here: the connection stands for
it.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.socket_mode.internals import run_bolt_app, send_response
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot import rush

THREADS = 12  # as many as answer HTTP
MAX_REMEMBERED = 10_000  # envelopes; a delivery that is brought again comes within minutes

# Before it is parsed. Within a text the quotes would have backslashes before them.
_ENVELOPE = re.compile(r'"envelope_id"\s*:\s*"([^"\\]{1,100})"')


class SocketMode(SocketModeHandler):
    """`clock` counts seconds and never goes back."""

    def __init__(
        self,
        app: App,
        app_token: str,
        *,
        wait_seconds: float = rush.WAIT_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(app, app_token, concurrency=THREADS)
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._tally = rush.Tally()
        self._ending = threading.Lock()
        self._lock = threading.Lock()
        self._arrived: OrderedDict[str, float] = OrderedDict()
        self._done: OrderedDict[str, bool] = OrderedDict()  # False: begun
        self.client.on_message_listeners.append(self.arrived)

    def connect(self) -> None:
        """Open the connection; not once it is closed for good."""
        if self.client.closed:
            return
        super().connect()  # type: ignore[no-untyped-call]  # slack_bolt's is untyped
        if self.client.closed:  # meanwhile: slack_sdk would connect again for ever
            self._end()

    def close(self) -> None:
        """Close for good, and end slack_sdk's threads; a second time does no harm."""
        self.client.closed = True  # whoever connects at this moment ends that connection
        self._end()
        super().close()  # type: ignore[no-untyped-call]  # slack_bolt's is untyped
        self._end()  # its own threads are over now; one may have connected again before

    def _end(self) -> None:
        """What connects again comes to its end first: slack_sdk waits for the last connection."""
        with self._ending:
            self.client.auto_reconnect_enabled = False
            if self.client.current_app_monitor.is_alive():
                self.client.current_app_monitor.shutdown()  # type: ignore[no-untyped-call]  # slack_sdk's
            self.client.auto_reconnect_enabled = False  # a connection that was made sets it again
            self.client.disconnect()

    def arrived(self, message: str) -> None:
        """Called for every message as it is read, before it waits for a thread."""
        found = _ENVELOPE.search(message)
        if found:
            with self._lock:
                if found[1] in self._done:
                    return  # slack_sdk queues it before it tells: a thread was quicker
                self._arrived[found[1]] = self._clock()
                _keep(self._arrived)

    def is_rush(self) -> bool:
        """Whether something that came just now waits for a thread."""
        with self._lock:
            newest = next(reversed(self._arrived.values()), None)
        return newest is not None and self._clock() - newest <= self._wait_seconds

    def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as Bolt's own does
        """Answer one envelope: acknowledge what is here already, refuse what waited too long."""
        began = self._clock()
        with self._lock:
            waited = began - self._arrived.pop(req.envelope_id, began)
            is_done = self._done.get(req.envelope_id)
            if is_done is None:
                self._done[req.envelope_id] = False
                _keep(self._done)
        if is_done:
            client.send_socket_mode_response(SocketModeResponse(envelope_id=req.envelope_id))
        elif is_done is None and waited > self._wait_seconds:
            self._refuse(client, req)
        elif is_done is None:  # else whoever has begun it answers
            self._answer(client, req, began)

    def _answer(self, client: SocketModeClient, req: SocketModeRequest, began: float) -> None:
        is_done = False
        try:
            response = run_bolt_app(self.app, req)
            is_done = response.status == 200
        finally:
            self._settle(req, is_done=is_done)
        send_response(client, req, response, began)

    def _refuse(self, client: SocketModeClient, req: SocketModeRequest) -> None:
        self._tally.add()
        answer = rush.refusal(req.payload)
        self._settle(req, is_done=answer is not None)
        if answer is None:
            return
        client.send_socket_mode_response(
            SocketModeResponse(envelope_id=req.envelope_id, payload=answer)
        )

    def _settle(self, req: SocketModeRequest, *, is_done: bool) -> None:
        """What is not acknowledged may be brought again."""
        with self._lock:
            if is_done:
                self._done[req.envelope_id] = True
            else:
                self._done.pop(req.envelope_id, None)


def _keep(where: OrderedDict[str, float] | OrderedDict[str, bool]) -> None:
    while len(where) > MAX_REMEMBERED:
        where.popitem(last=False)
