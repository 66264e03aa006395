"""Many deliveries at the same moment, each on a connection of its own, as Slack brings them."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of one of them; without a status nothing came."""

    status: int | None
    body: str
    seconds: float


def bring_at_once(
    url: str, requests: Iterable[tuple[Mapping[str, str], bytes]], *, within: float = 60.0
) -> list[Brought]:
    """Send them all together; `seconds` are counted from the first moment, connecting included."""
    where = urlsplit(url)
    assert where.hostname is not None, "an address of loopback"
    raws = [_raw(where.netloc, where.path, headers, body) for headers, body in requests]
    return asyncio.run(_all(where.hostname, where.port or 80, raws, within))


def _raw(host: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"host: {host}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body


async def _all(host: str, port: int, raws: list[bytes], within: float) -> list[Brought]:
    began = time.monotonic()
    return await asyncio.gather(*(_one(host, port, raw, began, within) for raw in raws))


async def _one(host: str, port: int, raw: bytes, began: float, within: float) -> Brought:
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(raw)
                answer = await reader.read()
            finally:
                writer.close()
    except (TimeoutError, OSError) as error:
        return Brought(None, type(error).__name__, time.monotonic() - began)
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head else None
    return Brought(status, body.decode(), time.monotonic() - began)
