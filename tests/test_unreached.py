"""Why somebody could not be reached: by real connections, and without the address."""

import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from threading import Thread

import httpx
import pytest

from workflows.unreached import why


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@pytest.fixture
def odd_port() -> Iterator[int]:
    """A port that answers whatever comes with something that is no TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with listening.accept()[0] as taken:
                taken.recv(1000)
                taken.sendall(b"HTTP/1.1 400 no TLS here\r\n\r\n")

        Thread(target=answer, daemon=True).start()
        yield int(listening.getsockname()[1])


def by_httpx(url: str) -> None:
    with httpx.Client(trust_env=False) as client:
        client.get(url, timeout=0.2)


def by_urllib(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(url, timeout=0.2)


def told(ask: Callable[[str], None], url: str) -> str:
    with pytest.raises((httpx.HTTPError, OSError)) as caught:
        ask(url)
    return why(caught.value)


both = pytest.mark.parametrize("ask", [by_httpx, by_urllib])


@both
def test_a_port_that_nobody_listens_at_refuses(
    ask: Callable[[str], None], closed_port: int
) -> None:
    assert told(ask, f"http://127.0.0.1:{closed_port}/") == "it refused the connection"


@both
def test_a_host_that_nobody_knows_is_told_without_its_name(ask: Callable[[str], None]) -> None:
    assert told(ask, "http://canary.invalid/") == "the name of its host is not known here"


@both
def test_who_says_nothing_is_a_time_out(ask: Callable[[str], None], silent_port: int) -> None:
    assert told(ask, f"http://127.0.0.1:{silent_port}/") == "time-out"


@both
def test_what_is_no_tls_is_told_as_that(ask: Callable[[str], None], odd_port: int) -> None:
    assert told(ask, f"https://127.0.0.1:{odd_port}/") == "TLS failed"


def test_of_a_certificate_that_is_not_trusted_and_of_anything_else_only_the_class_counts() -> None:
    assert why(ssl.SSLCertVerificationError("canary")) == "its TLS certificate is not trusted here"
    assert why(ConnectionResetError("canary")) == "the connection was cut"
    assert why(httpx.ProxyError("canary")) == "ProxyError"


def test_exceptions_that_stand_behind_each_other_in_a_ring_come_to_an_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one

    assert why(one) == "ValueError"
