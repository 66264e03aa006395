"""A guard at its own interface: ASGI messages in, a status out, with a clock that can be set."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from bot.guard import Guard
from tests.bot.signing import SECRET, signed_headers

NOW = 1_790_000_000.0
FORM = "application/x-www-form-urlencoded"


@dataclass
class Inner:
    """Stands for Bolt: keeps what reached it and answers with a status."""

    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"inner"})


@dataclass
class Rig:
    """A guard, what is behind it, and a clock that can be set."""

    inner: Inner = field(default_factory=Inner)
    now: float = NOW
    body_seconds: float = 3.0
    reads: int = 0

    def __post_init__(self) -> None:
        self.guard = Guard(
            self.inner, SecretStr(SECRET), lambda: self.now, body_seconds=self.body_seconds
        )

    def post(
        self,
        parts: bytes | list[bytes],
        headers: Mapping[str, str] | Iterable[tuple[bytes, bytes]],
        *,
        path: str = "/slack/events",
        method: str = "POST",
        is_cut: bool = False,
        ends: Callable[[], Message] | None = None,
    ) -> int | None:
        """The status that went out; None when nothing did.

        When it `is_cut` more is promised and never comes; `ends` gives what comes instead.
        """
        chunks = [parts] if isinstance(parts, bytes) else parts
        messages: list[Message] = [
            {"type": "http.request", "body": part, "more_body": number < len(chunks)}
            for number, part in enumerate(chunks, 1)
        ]
        if is_cut or ends is not None:
            messages[-1]["more_body"] = True
        sent: list[Message] = []
        pairs = (
            [(name.encode(), value.encode()) for name, value in headers.items()]
            if isinstance(headers, Mapping)
            else list(headers)
        )

        async def receive() -> Message:
            self.reads += 1
            if messages:
                return messages.pop(0)
            if ends is not None:
                return ends()
            await asyncio.Event().wait()  # nothing more ever comes
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": pairs}
        asyncio.run(self.guard(scope, receive, send))
        return sent[0]["status"] if sent else None

    def post_signed(self, body: bytes, content_type: str = FORM) -> int | None:
        return self.post(body, signed_headers(body, self.now, content_type))
