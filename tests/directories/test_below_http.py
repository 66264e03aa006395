"""Where the key goes, and what becomes of trouble below HTTP: TLS, names, connections."""

import socket
import threading
from datetime import UTC, datetime

import httpx
import pytest

from workflows.directories.dialect import ApiKey, Dialect
from workflows.directories.scim import ScimClient
from workflows.directories.wire import Wire
from workflows.errors import DirectoryUnavailable

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
KEY = "canary-0123456789-0123456789-0123456789-01"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_goes_nowhere_that_a_redirect_names(status: int) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(status, headers={"location": "https://elsewhere.example/scim"})

    with httpx.Client(
        base_url="https://wandb.example",
        transport=httpx.MockTransport(answer),
        follow_redirects=True,  # even then
    ) as http:
        client = ScimClient(Wire(http, clock=lambda: NOW), ApiKey(KEY), Dialect())
        with pytest.raises(DirectoryUnavailable):
            client.patch("Users", "a", {})

    assert asked == ["wandb.example"]


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_what_fails_below_http_is_as_if_it_had_not_answered(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=_hang_up, args=(listening,))
        thread.start()
        address = f"{scheme}://127.0.0.1:{port}"  # over TLS: what it says is no handshake
        with httpx.Client(base_url=address, timeout=5, trust_env=False) as http:
            client = ScimClient(Wire(http, clock=lambda: NOW), ApiKey(KEY), Dialect())
            with pytest.raises(DirectoryUnavailable, match="did not answer"):
                client.get("Users", "a")
        thread.join(10)


def _hang_up(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(b"220 somebody else's server\r\n")


def test_a_name_that_leads_nowhere_is_as_if_it_had_not_answered() -> None:
    with httpx.Client(base_url="https://wandb.invalid", timeout=5, trust_env=False) as http:
        client = ScimClient(Wire(http, clock=lambda: NOW), ApiKey(KEY), Dialect())
        with pytest.raises(DirectoryUnavailable, match="did not answer"):
            client.get("Users", "a")
