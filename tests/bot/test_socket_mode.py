"""Socket Mode at its own interface: what is brought twice, and what has waited too long."""

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from slack_bolt import BoltRequest, BoltResponse
from slack_sdk import WebClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bot import socket_mode
from bot.rush import BUSY
from bot.socket_mode import SocketMode
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld


@dataclass
class App:
    """Stands for the Bolt app: keeps what reached it, and answers or fails as it is told."""

    status: int = 200
    body: str = ""
    fails: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("slack_bolt.App"))
    client: WebClient = field(default_factory=WebClient)

    def dispatch(self, request: BoltRequest) -> BoltResponse:
        self.asked.append(dict(request.body))
        if self.fails:
            raise RuntimeError("a bug")
        headers: dict[str, str | Sequence[str]] = {}
        if self.body:
            headers["content-type"] = ["application/json"]
        return BoltResponse(status=self.status, body=self.body, headers=headers)


@dataclass
class Client:
    """Stands for the connection: keeps what was acknowledged."""

    acknowledged: list[tuple[str, Any]] = field(default_factory=list)
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("slack_bolt.App"))

    def send_socket_mode_response(self, response: SocketModeResponse) -> None:
        self.acknowledged.append((response.envelope_id, response.payload))


@pytest.fixture(scope="module")
def handler() -> Iterator[SocketMode]:
    """One for all: slack_sdk's threads take two seconds to end."""
    made = SocketMode(App(), "xapp-canary", wait_seconds=1.0)  # type: ignore[arg-type]  # what of it is used
    yield made
    made.close()


@dataclass
class Rig:
    handler: SocketMode
    app: App = field(default_factory=App)
    client: Client = field(default_factory=Client)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.handler.app = self.app  # type: ignore[assignment]  # what of it is used
        self.handler._clock = lambda: self.now
        self.handler._arrived.clear()
        self.handler._done.clear()

    def arrive(self, envelope_id: str) -> None:
        text = {"envelope_id": envelope_id, "payload": {"text": '"envelope_id": "other"'}}
        self.handler.arrived(json.dumps(text))

    def handle(self, envelope_id: str, payload: dict[str, Any]) -> list[tuple[str, Any]]:
        request = SocketModeRequest("interactive", envelope_id, payload)
        self.handler.handle(self.client, request)  # type: ignore[arg-type]  # what of it is used
        return self.client.acknowledged


@pytest.fixture
def rig(handler: SocketMode) -> Rig:
    return Rig(handler)


COMMAND = {"command": "/wandb", "text": "help"}


def test_what_is_brought_once_is_dispatched_and_acknowledged_with_the_answer(rig: Rig) -> None:
    rig.app.body = '{"text": "help"}'
    rig.arrive("e-1")
    rig.now = 0.9

    assert rig.handle("e-1", COMMAND) == [("e-1", {"text": "help"})]
    assert rig.app.asked == [COMMAND]


def test_the_same_envelope_again_is_acknowledged_and_not_dispatched(rig: Rig) -> None:
    rig.handle("e-1", COMMAND)

    assert rig.handle("e-1", COMMAND)[1:] == [("e-1", None)]
    assert len(rig.app.asked) == 1


def test_while_the_first_is_running_the_second_leaves_the_answer_to_it(rig: Rig) -> None:
    running, go_on = threading.Event(), threading.Event()
    dispatch = rig.app.dispatch

    def slowly(request: BoltRequest) -> BoltResponse:
        running.set()
        go_on.wait(10)
        return dispatch(request)

    rig.app.dispatch = slowly  # type: ignore[method-assign]  # the stand-in is told to be slow
    first = threading.Thread(target=rig.handle, args=("e-1", COMMAND))
    first.start()
    running.wait(10)

    assert rig.handle("e-1", COMMAND) == []
    go_on.set()
    first.join(10)
    assert [id for id, _ in rig.client.acknowledged] == ["e-1"]
    assert len(rig.app.asked) == 1


def test_what_failed_is_not_acknowledged_and_may_be_brought_again(rig: Rig) -> None:
    rig.app.status = 500
    assert rig.handle("e-1", COMMAND) == []
    rig.app.fails = True
    with pytest.raises(RuntimeError):
        rig.handle("e-1", COMMAND)
    rig.app.status, rig.app.fails = 200, False

    assert [id for id, _ in rig.handle("e-1", COMMAND)] == ["e-1"]
    assert len(rig.app.asked) == 3


FORM = {"type": "view_submission", "view": {"state": {"values": {"role": {}, "reason": {}}}}}


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (COMMAND, {"response_type": "ephemeral", "text": BUSY}),
        (FORM, {"response_action": "errors", "errors": {"role": BUSY}}),
        ({"type": "block_suggestion"}, {"options": []}),
    ],
    ids=["command", "form", "search"],
)
def test_what_waited_too_long_is_answered_and_not_begun(
    rig: Rig, payload: dict[str, Any], answer: dict[str, Any]
) -> None:
    rig.arrive("e-1")
    rig.now = 1.1

    assert rig.handle("e-1", payload) == [("e-1", answer)]
    assert rig.app.asked == []


def test_it_is_a_rush_while_something_that_came_just_now_waits_for_a_thread(rig: Rig) -> None:
    seen = [rig.handler.is_rush()]
    rig.arrive("e-1")
    rig.arrive("e-2")
    seen.append(rig.handler.is_rush())
    rig.handle("e-2", COMMAND)
    seen.append(rig.handler.is_rush())
    rig.handle("e-1", COMMAND)
    seen.append(rig.handler.is_rush())

    assert seen == [False, True, True, False]


def test_what_a_thread_took_before_its_arrival_was_noted_waits_for_nobody(rig: Rig) -> None:
    rig.handle("e-1", COMMAND)
    rig.arrive("e-1")

    assert not rig.handler.is_rush()


def test_what_never_gets_to_a_thread_is_no_rush_for_ever(rig: Rig) -> None:
    rig.arrive("lost")
    rig.now = 1.1

    assert not rig.handler.is_rush()


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "block_actions"},
        {"type": "event_callback"},
        {"type": "view_submission"},
        {"type": "view_submission", "view": {"state": {"values": {}}}},
    ],
    ids=["click", "event", "form of nothing", "empty form"],
)
def test_where_no_answer_shows_it_is_not_acknowledged_and_may_come_again(
    rig: Rig, payload: dict[str, Any]
) -> None:
    rig.arrive("e-1")
    rig.now = 1.1
    assert rig.handle("e-1", payload) == []

    rig.arrive("e-1")
    assert [id for id, _ in rig.handle("e-1", payload)] == ["e-1"]
    assert len(rig.app.asked) == 1


def opened(slack: SlackServer) -> SocketMode:
    """One of its own, that is not connected yet."""
    app = App(client=WebClient(base_url=slack.url))
    return SocketMode(app, slack.world.app_token)  # type: ignore[arg-type]  # what of it is used


@pytest.mark.parametrize("again", [False, True], ids=["at first", "again"])
def test_what_is_closed_while_it_connects_leaves_no_connection_and_no_thread(again: bool) -> None:
    before = set(threading.enumerate())
    world = SlackWorld()
    world.socket_mode = True
    with SlackServer(world) as slack:
        served = set(threading.enumerate())
        mode = opened(slack)
        if again:
            mode.connect()
            world.wait_for(lambda: len(world.courier.links) == 1)
        ask = mode.client.issue_new_wss_url

        def closed_meanwhile() -> str:
            url = ask()
            mode.close()
            return url

        mode.client.wss_uri = None
        mode.client.issue_new_wss_url = closed_meanwhile  # type: ignore[method-assign]  # the moment
        mode.connect()

        world.wait_for(lambda: not world.courier.links)
        assert world.called("apps.connections.open")
        assert set(threading.enumerate()) <= served
    assert set(threading.enumerate()) <= before


def test_a_connection_that_slack_sdk_makes_anew_while_it_is_closed_is_closed_too() -> None:
    world = SlackWorld()
    world.socket_mode = True
    with SlackServer(world) as slack:
        mode = opened(slack)
        mode.connect()
        monitor = mode.client.current_app_monitor
        end = monitor.shutdown

        def once_more() -> None:
            mode.client.connect()
            end()

        monitor.shutdown = once_more  # type: ignore[method-assign]  # the moment
        mode.close()

        assert not mode.client.is_connected()
        world.wait_for(lambda: not world.courier.links)


def test_a_connection_that_slack_asked_to_be_made_anew_is_closed_too() -> None:
    world = SlackWorld()
    world.socket_mode = True
    with SlackServer(world) as slack:
        mode = opened(slack)
        mode.connect()
        world.wait_for(lambda: len(world.courier.links) == 1)
        ask, asking, closing = mode.client.issue_new_wss_url, threading.Event(), threading.Event()

        def slow() -> str:
            url = ask()
            asking.set()
            closing.wait(10)
            return url

        mode.client.issue_new_wss_url = slow  # type: ignore[method-assign]  # the moment
        mode.client.enqueue_message('{"type": "disconnect", "reason": "refresh_requested"}')
        assert asking.wait(10)
        closes = threading.Thread(target=mode.close)
        closes.start()
        world.wait_for(lambda: not world.courier.links)  # the first one is closed
        closing.set()
        closes.join(10)

        assert not closes.is_alive()
        assert not mode.client.is_connected()
        world.wait_for(lambda: not world.courier.links)


def test_what_is_closed_is_not_connected_any_more() -> None:
    with SlackServer(SlackWorld()) as slack:
        mode = opened(slack)
        mode.close()
        mode.connect()
        mode.close()

        assert slack.world.calls == []


def test_what_is_remembered_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_mode, "MAX_REMEMBERED", 3)

    for number in range(5):
        rig.arrive(f"a-{number}")
        rig.handle(f"b-{number}", COMMAND)
    rig.handle("b-0", COMMAND)

    assert len(rig.handler._arrived) == len(rig.handler._done) == 3
    assert len(rig.app.asked) == 6  # forgotten; what is behind it can be asked for twice
