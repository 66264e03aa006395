"""The ways to an app: signed HTTP, Socket Mode and in-process, each with a real Bolt app."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvicorn
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.slack_faults import HttpStatus, Lost, SlackFault
from sandbox.slack_people import Person
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld
from tests.sandbox.slack_tiny_app import TinyApp


@contextlib.contextmanager
def served(app: TinyApp) -> Iterator[str]:
    """The app behind HTTP, its listeners in the thread pool."""

    async def events(request: Request) -> Response:
        body = await request.body()
        status, headers, content = await run_in_threadpool(app.dispatch, body, request.headers)
        return Response(content, status, headers)

    routes = [Route("/slack/events", events, methods=["POST"])]
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=routes), lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/slack/events"
    server.should_exit = True
    thread.join()
    listening.close()


@contextlib.contextmanager
def connected(app: TinyApp, world: SlackWorld) -> Iterator[None]:
    """The app on a Socket Mode connection, as Bolt's own handler makes it."""
    handler = SocketModeHandler(app.bolt, world.app_token)
    handler.connect()  # type: ignore[no-untyped-call]  # Bolt has no types here
    world.wait_for(lambda: world.courier.links)
    yield
    handler.close()  # type: ignore[no-untyped-call]  # Bolt has no types here


@pytest.fixture
def world() -> SlackWorld:
    return SlackWorld()


@pytest.fixture
def server(world: SlackWorld) -> Iterator[SlackServer]:
    with SlackServer(world) as server:
        yield server


@pytest.fixture
def api_url(server: SlackServer) -> str:
    return server.url


@pytest.fixture
def app(world: SlackWorld, api_url: str) -> TinyApp:
    return TinyApp(world, api_url)


@pytest.fixture(params=["http", "socket mode", "in process"])
def bot(request: pytest.FixtureRequest, world: SlackWorld, app: TinyApp) -> Iterator[TinyApp]:
    with contextlib.ExitStack() as stack:
        if request.param == "http":
            world.bot_url = stack.enter_context(served(app))
        elif request.param == "socket mode":
            world.socket_mode = True
            stack.enter_context(connected(app, world))
        else:
            world.deliver = app.dispatch
        yield app


@pytest.fixture
def eve(world: SlackWorld) -> Person:
    return Person(world, world.add_user("eve", "eve@example.com"))


def test_a_request_goes_from_the_command_to_the_decision(
    bot: TinyApp, world: SlackWorld, eve: Person
) -> None:
    opened = eve.command("/wandb", "ask")
    assert opened.view is not None
    sent = eve.fill(opened.view, {"Team": "Vision", "Reason": "for the demo"})
    asked = eve.wait_for_message("for the demo")
    decided = eve.click(asked, "Approve")

    assert (opened.status, sent.status, decided.status) == (200, 200, 200)
    assert sent.closed
    assert eve.view is None
    assert eve.text_of(asked) == "Asked: for the demo until 2026-12-24\n[Approve]"
    assert eve.text_of(eve.message("Approved")) == "Approved"
    values = bot.seen[1]["view"]["state"]["values"]
    assert values["team"]["value"]["selected_option"]["value"] == "vision"
    assert values["role"]["value"]["selected_option"]["value"] == "viewer"
    assert values["until"]["value"] == {"type": "datepicker", "selected_date": None}
    assert values["notify"]["value"] == {"type": "checkboxes", "selected_options": []}
    assert bot.seen[2]["actions"][0]["value"] == "r1"
    assert world.warnings == []
    assert world.failures == world.timeouts == []


def test_a_command_is_answered_for_one_persons_eyes(bot: TinyApp, eve: Person) -> None:
    said = eve.command("/wandb", "hello <b> & @eve")
    later = eve.command("/wandb", "respond")

    assert said.text == "You said hello <b> & @eve"
    assert bot.seen[0]["text"] == f"hello &lt;b&gt; &amp; <@{eve.id}|eve>"
    assert later.text == "later"
    assert len(eve.ephemerals) == 2
    assert eve.messages() == []


def test_the_home_tab_is_published_when_it_is_opened(bot: TinyApp, eve: Person) -> None:
    home = eve.open_home()
    reply = eve.click(home, "Approve")

    assert eve.text_of(home) == "Waiting for you\n[Approve]"
    assert reply.status == 200
    assert bot.seen[-1]["container"] == {"type": "view", "view_id": home.id}
    assert "response_url" not in bot.seen[-1]


def test_a_late_or_broken_answer_is_what_slack_tells_the_person(
    world: SlackWorld, app: TinyApp, eve: Person
) -> None:
    with served(app) as url:
        world.bot_url = url
        slow = eve.command("/wandb", "slow", timeout=0.1)
        app.late.set()
        broken = eve.command("/wandb", "break")
    gone = eve.command("/wandb", "hello")

    assert (slow.error, slow.status) == ("operation_timeout", None)
    assert (broken.error, broken.status) == ("dispatch_failed", 500)
    assert (gone.error, gone.status) == ("dispatch_failed", None)
    assert len(world.timeouts) == 1
    assert len(world.failures) == 2


def test_socket_mode_needs_a_connection(world: SlackWorld, app: TinyApp, eve: Person) -> None:
    world.socket_mode = True
    assert eve.command("/wandb", "x").error == "dispatch_failed"

    with connected(app, world):
        assert eve.command("/wandb", "x").text == "You said x"


def test_a_socket_mode_client_that_is_asked_to_connect_again_does_so(
    world: SlackWorld, server: SlackServer, app: TinyApp, eve: Person
) -> None:
    world.socket_mode = True

    with connected(app, world):
        old = list(world.courier.links)
        server.disconnect()
        world.wait_for(lambda: world.courier.links and world.courier.links[0] not in old)

        assert eve.command("/wandb", "x").text == "You said x"


def test_deliveries_are_signed_as_slacks_own_verifier_wants_it(
    world: SlackWorld, eve: Person
) -> None:
    verifier = SignatureVerifier(world.signing_secret)
    valid: list[bool] = []

    def deliver(body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, str], bytes]:
        valid.append(verifier.is_valid_request(body, dict(headers)))
        return 200, {}, b""

    world.deliver = deliver
    eve.command("/wandb", "grüße & <more>")

    assert valid == [True]


def test_a_fault_reaches_slacks_own_client(world: SlackWorld, api_url: str, eve: Person) -> None:
    client = WebClient(token=world.bot_token, base_url=api_url, retry_handlers=[])
    world.faults.add(
        SlackFault("chat.postMessage", Lost(), phase="after"),
        SlackFault("chat.postMessage", HttpStatus(503)),
    )

    with pytest.raises(ConnectionError):
        client.chat_postMessage(channel=eve.id, text="hello")
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel=eve.id, text="again")

    assert [eve.text_of(one) for one in eve.messages()] == ["hello"]
    assert client.users_info(user=eve.id)["user"]["tz"] == "Europe/Berlin"


def test_a_hanging_call_ends_with_the_client_or_the_server() -> None:
    world = SlackWorld()
    with SlackServer(world) as server:
        client = WebClient(base_url=server.url, token=world.bot_token, timeout=1)
        client.retry_handlers.clear()
        world.faults.add(SlackFault("auth.test", Lost(60)))
        with pytest.raises(TimeoutError):
            client.auth_test()


def test_three_people_at_once_each_get_their_own_answer(bot: TinyApp, world: SlackWorld) -> None:
    people = [Person(world, world.add_user(name, None)) for name in ("ada", "bob", "cem")]
    together = threading.Barrier(len(people))

    def ask(person: Person) -> str:
        together.wait()
        return person.command("/wandb", f"I am {person.id}").text

    with ThreadPoolExecutor(len(people)) as pool:
        answers = list(pool.map(ask, people))

    assert answers == [f"You said I am {person.id}" for person in people]
