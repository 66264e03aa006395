"""What the HTTP side promises to Slack, to probes and to whoever stops it."""

import json
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import httpx
import pytest
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult

from bot.guard import MAX_AGE
from bot.server import BOLT_THREADS, Health, listen
from tests.bot.serving import a_server_app, clock, served
from tests.bot.signing import SECRET, signed_headers

Dispatch = Callable[[BoltRequest], BoltResponse]


_signed_in: set[int] = set()


def post(port: int, body: bytes, content_type: str | None = None) -> httpx.Response:
    """A delivery of its own: signed in a second that no other was, or the same body would be a
    replay of it."""
    now = int(clock())
    second = next(one for one in range(now, now - MAX_AGE // 2, -1) if one not in _signed_in)
    _signed_in.add(second)
    headers = signed_headers(body, second)
    if content_type is not None:
        headers["content-type"] = content_type
    return httpx.post(f"http://127.0.0.1:{port}/slack/events", content=body, headers=headers)


def form(**fields: str) -> bytes:
    return urlencode(fields).encode()


def real_bolt(listener: Callable[..., None]) -> App:
    """A Bolt app that calls nobody, with one command."""
    known = AuthorizeResult(
        enterprise_id=None, team_id="T1", bot_token="xoxb-1", bot_id="B1", bot_user_id="U0"
    )
    app = App(
        signing_secret=SECRET,
        authorize=lambda **_: known,
        token_verification_enabled=False,
        process_before_response=True,
    )
    app.command("/wandb")(listener)
    return app


def test_a_command_reaches_the_listener_and_its_answer_goes_back() -> None:
    def listener(ack: Callable[..., None], command: dict[str, str]) -> None:
        ack(f"you said {command['text']}")

    with served(a_server_app(real_bolt(listener).dispatch)) as port:
        answer = post(port, form(command="/wandb", text="help & <more>", team_id="T1"))

    assert (answer.status_code, answer.text) == (200, "you said help & <more>")
    assert "server" not in answer.headers


def test_a_command_with_the_word_payload_in_it_reaches_the_listener_too() -> None:
    def listener(ack: Callable[..., None], command: dict[str, str]) -> None:
        ack(f"you said {command['text']}")

    with served(a_server_app(real_bolt(listener).dispatch)) as port:
        answer = post(port, form(command="/wandb", text="the payload team", team_id="T1"))

    assert (answer.status_code, answer.text) == (200, "you said the payload team")


def test_ssl_checks_and_url_verification_are_answered_by_bolt() -> None:
    app = real_bolt(lambda ack: None)

    with served(a_server_app(app.dispatch)) as port:
        check = post(port, form(ssl_check="1", token="legacy"))
        challenge = json.dumps({"type": "url_verification", "challenge": "c-1"}).encode()
        verified = post(port, challenge, "application/json")

    assert check.status_code == 200
    assert verified.json() == {"challenge": "c-1"}


def test_listeners_run_side_by_side_and_not_on_the_loop() -> None:
    everybody_is_in = threading.Barrier(BOLT_THREADS + 1, timeout=20)

    def dispatch(request: BoltRequest) -> BoltResponse:
        everybody_is_in.wait()
        return BoltResponse(status=200)

    statuses: list[int] = []
    with served(a_server_app(dispatch)) as port:
        threads = [
            threading.Thread(
                target=lambda n: statuses.append(
                    post(port, form(command="/wandb", n=str(n))).status_code
                ),
                args=(number,),
            )
            for number in range(BOLT_THREADS)
        ]
        for thread in threads:
            thread.start()
        alive = httpx.get(f"http://127.0.0.1:{port}/healthz")  # while all of them hang
        everybody_is_in.wait()
        for thread in threads:
            thread.join()

    assert alive.status_code == 200
    assert statuses == [200] * BOLT_THREADS


def test_a_failure_is_a_constant_answer_and_one_record_with_the_same_reference(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def dispatch(request: BoltRequest) -> BoltResponse:
        raise RuntimeError("canary-token xoxb-1")

    with served(a_server_app(dispatch)) as port:
        answer = post(port, form(command="/wandb", text="canary-text"))

    assert answer.status_code == 500
    assert answer.text == "Something went wrong. Reference: ref-1\n"
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    fields = vars(record)
    assert (fields["reference"], fields["kind"]) == ("ref-1", "RuntimeError")
    assert "in dispatch" in fields["stack"]
    assert "xoxb-1" not in answer.text + str(record.msg) + str(record.exc_info)
    assert "canary-text" not in str(fields)


def test_a_failed_request_may_be_sent_again() -> None:
    answers: Iterator[RuntimeError | BoltResponse]
    answers = iter([RuntimeError("first"), BoltResponse(status=200)])

    def dispatch(request: BoltRequest) -> BoltResponse:
        answer = next(answers)
        if isinstance(answer, RuntimeError):
            raise answer
        return answer

    body = form(command="/wandb", text="again")
    headers = signed_headers(body, clock())
    with served(a_server_app(dispatch)) as port:
        url = f"http://127.0.0.1:{port}/slack/events"
        statuses = [httpx.post(url, content=body, headers=headers).status_code for _ in range(3)]

    assert statuses == [500, 200, 401]


def test_a_signed_shape_that_bolt_cannot_read_is_a_400() -> None:
    with served(a_server_app()) as port:
        answer = post(port, b'{"type": "app_rate_limited", "user": 5}', "application/json")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("health", "status", "content"),
    [
        (Health(ready=True), 200, {"status": "ready"}),
        (
            Health(ready=True, degraded=True, checks={"wandb": "down"}),
            200,
            {"status": "degraded", "checks": {"wandb": "down"}},
        ),
        (
            Health(ready=False, checks={"database": "migrating"}),
            503,
            {"status": "starting", "checks": {"database": "migrating"}},
        ),
        (Health(ready=False, degraded=True), 503, {"status": "starting"}),
        (Health(ready=False, degraded=True, broken=True), 503, {"status": "broken"}),
    ],
)
def test_readiness_says_how_it_is(health: Health, status: int, content: dict[str, object]) -> None:
    with served(a_server_app(health=lambda: health)) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz")

    assert (answer.status_code, answer.json()) == (status, content)
    assert answer.headers["cache-control"] == "no-store"


def test_a_health_check_that_breaks_is_not_ready_and_does_not_say_why() -> None:
    def broken() -> Health:
        raise RuntimeError("canary")

    with served(a_server_app(health=broken)) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz")
        alive = httpx.get(f"http://127.0.0.1:{port}/healthz")

    assert answer.status_code == 503
    assert "canary" not in answer.text
    assert alive.json() == {"status": "alive"}


def test_an_answer_goes_out_at_once_and_not_when_its_head_is_acknowledged() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        taken, _ = listening.accept()
        with taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_in_use_is_an_error_for_the_caller() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])


@contextmanager
def a_process() -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "tests.bot.serving"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_serve_returns(number: signal.Signals) -> None:
    with a_process() as (process, port), socket.create_connection(("127.0.0.1", port)) as idle:
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)
        assert idle.recv(10) == b""

    assert rest.split() == ["stopping", "stopped"]
    assert process.returncode == 0
