"""How Slack brings things to an app: signed HTTP, a Socket Mode envelope, or a call in-process.

Slack waits three seconds. What comes later, or is not a 200, the person is told as
"operation_timeout" or "dispatch_failed"; both are noted. Sources: docs.slack.dev/authentication/
verifying-requests-from-slack (signature), docs.slack.dev/apis/events-api (retries),
docs.slack.dev/apis/events-api/using-socket-mode (envelopes).
"""

import hashlib
import hmac
import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import urlencode

import httpx

from sandbox.slack_state import Json

Kind = Literal["slash_commands", "interactive", "events_api"]
InProcess = Callable[[bytes, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something to bring to the app; `kind` is the word of a Socket Mode envelope."""

    kind: Kind
    payload: Json
    user: str

    @property
    def body(self) -> bytes:
        """The body of the HTTP request."""
        if self.kind == "events_api":
            return json.dumps(self.payload).encode()
        if self.kind == "interactive":
            return urlencode({"payload": json.dumps(self.payload)}).encode()
        return urlencode(self.payload).encode()

    @property
    def content_type(self) -> str:
        """The media type of the body."""
        is_event = self.kind == "events_api"
        return "application/json" if is_event else "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app answered. `error` is what Slack calls it when it went wrong.

    `headers` are those that were sent, so that the very same request can be sent again.
    """

    delivery: Delivery
    headers: Mapping[str, str]
    status: int | None
    body: bytes
    seconds: float
    error: str | None = None

    @property
    def data(self) -> Json | None:
        """The JSON object of the answer, if it is one."""
        try:
            data = json.loads(self.body)
        except ValueError:
            return None
        return data if isinstance(data, dict) else None


class Link(Protocol):
    """An open Socket Mode connection."""

    def send(self, envelope: Json, seconds: float) -> Json | None:
        """Send an envelope and return the payload of its acknowledgement.

        Raises TimeoutError when none came, ConnectionError when the connection went away.
        """
        ...

    def close(self) -> None:
        """Close it without a word; from any thread, and at once."""
        ...


def sign(secret: str, body: bytes, at: int) -> str:
    """Return the v0 signature of a body at a Unix time in seconds."""
    base = b"v0:%d:" % at + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


@dataclass(slots=True)
class Courier:
    """Brings deliveries to the app, by the way that is set up now."""

    signing_secret: str
    now: Callable[[], float] = time.time  # apps compare the signature's time with the real one
    bot_url: str | None = None
    in_process: InProcess | None = None
    socket_mode: bool = False
    links: list[Link] = field(default_factory=list)
    timeouts: list[Answer] = field(default_factory=list)
    failures: list[Answer] = field(default_factory=list)
    _turns: Iterator[int] = field(default_factory=itertools.count)
    _http: httpx.Client | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bring(
        self,
        delivery: Delivery,
        *,
        seconds: float,
        retry: tuple[int, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Bring it. `retry` is (number, reason) of a Slack retry; `headers` replay old ones."""
        if headers is None:
            headers = self._headers(delivery, retry)
        began = time.monotonic()
        status: int | None = None
        body, error = b"", None
        try:
            status, body = self._way(delivery, headers, seconds)
        except (TimeoutError, httpx.TimeoutException):
            error = "operation_timeout"
        except (OSError, httpx.TransportError) as problem:
            error, body = "dispatch_failed", str(problem).encode()
        took = time.monotonic() - began
        if error is None and took > seconds:
            error = "operation_timeout"
        elif error is None and status != 200:
            error = "dispatch_failed"
        answer = Answer(delivery, headers, status, body, took, error)
        if error:
            (self.timeouts if error == "operation_timeout" else self.failures).append(answer)
        return answer

    def close(self) -> None:
        """Close the connections to the app."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _headers(self, delivery: Delivery, retry: tuple[int, str] | None) -> dict[str, str]:
        at = int(self.now())
        headers = {
            "Content-Type": delivery.content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": str(at),
            "X-Slack-Signature": sign(self.signing_secret, delivery.body, at),
        }
        if retry is not None:
            headers |= {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": retry[1]}
        return headers

    def _way(
        self, delivery: Delivery, headers: Mapping[str, str], seconds: float
    ) -> tuple[int, bytes]:
        if self.in_process is not None:
            status, _, body = self.in_process(delivery.body, headers)
            return status, body
        if self.socket_mode:
            return self._by_socket(delivery, headers, seconds)
        if self.bot_url is None:
            raise ConnectionError("the app has no request URL")
        answer = self._client().post(
            self.bot_url, content=delivery.body, headers=dict(headers), timeout=seconds
        )
        return answer.status_code, answer.content

    def _client(self) -> httpx.Client:
        with self._lock:
            if self._http is None:
                self._http = httpx.Client(trust_env=False)
            return self._http

    def _by_socket(
        self, delivery: Delivery, headers: Mapping[str, str], seconds: float
    ) -> tuple[int, bytes]:
        links = list(self.links)
        if not links:
            raise ConnectionError("Socket Mode is on and the app is not connected")
        turn = next(self._turns)
        envelope: dict[str, Any] = {
            "envelope_id": str(uuid.uuid4()),
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            envelope["retry_attempt"] = int(headers.get("X-Slack-Retry-Num", "0"))
            envelope["retry_reason"] = headers.get("X-Slack-Retry-Reason", "")
        # Each payload goes to one of the connections (github.com/slackapi/bolt-python/issues/448).
        payload = links[turn % len(links)].send(envelope, seconds)
        return 200, json.dumps(payload).encode() if payload else b""
