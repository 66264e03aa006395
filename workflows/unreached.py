"""Why somebody outside could not be reached, in words that have nothing of the address in them."""

import socket
import ssl
from collections.abc import Iterator

_MEANING: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "the name of its host is not known here"),
    (ssl.SSLCertVerificationError, "its TLS certificate is not trusted here"),
    (ssl.SSLError, "TLS failed"),
    (ConnectionRefusedError, "it refused the connection"),
    (ConnectionError, "the connection was cut"),
    (TimeoutError, "time-out"),
)
"""By class, the narrower first. A text of theirs may quote what was sent."""


def why(error: BaseException) -> str:
    """What is at the root of a library's own exception, or the name of that."""
    for one in _roots(error):
        for kind, meaning in _MEANING:
            if isinstance(one, kind):
                return meaning
    return type(error).__name__


def _roots(error: BaseException) -> Iterator[BaseException]:
    """The exception, and those behind it; urllib keeps its own in `reason`."""
    seen: list[BaseException] = []
    one: object = error
    while isinstance(one, BaseException) and one not in seen:
        seen.append(one)
        yield one
        one = getattr(one, "reason", None) or one.__cause__ or one.__context__
