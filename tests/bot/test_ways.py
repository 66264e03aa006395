"""Every payload gets to the listener of its name, and to no other."""

from collections.abc import Callable
from typing import Any

import pytest
from slack_bolt import App, Args, BoltRequest
from slack_bolt.authorization import AuthorizeResult

from bot.listeners.parts import Listener
from bot.listeners.ways import Way, listen
from workflows.errors import NotFound, Refused

USER = {"id": "U1"}
PAYLOADS: dict[Way, Callable[[object], dict[str, Any]]] = {
    Way.ACTION: lambda name: {"type": "block_actions", "actions": [{"action_id": name}]},
    Way.VIEW: lambda name: {
        "type": "view_submission",
        "view": {"callback_id": name, "type": "modal"},
    },
    Way.COMMAND: lambda name: {"command": name, "text": ""},
    Way.OPTIONS: lambda name: {"type": "block_suggestion", "action_id": name, "value": ""},
    Way.SHORTCUT: lambda name: {"type": "shortcut", "callback_id": name},
    Way.EVENT: lambda name: {"type": "event_callback", "event": {"type": name}},
}


class Office:
    """Bolt with a listener for each way and each of two names, that notes what it is given."""

    def __init__(self) -> None:
        self.heard: list[tuple[Way, str]] = []
        self.refused = 0
        self.told = ""
        self._app = App(
            process_before_response=True,
            signing_secret="not asked for",
            token_verification_enabled=False,
            request_verification_enabled=False,
            authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None, bot_token="x"),
        )
        every = {(way, name): self._noting(way, name) for way in Way for name in ("one", "other")}
        listen(self._app, every, self._guard)

    def _noting(self, way: Way, name: str) -> Listener:
        def note(args: Args) -> None:
            self.heard.append((way, name))
            args.ack()

        return note

    def _guard(self, listener: Listener) -> Listener:
        def answering(args: Args) -> None:
            try:
                listener(args)
            except (NotFound, Refused) as refused:
                self.refused += 1
                self.told = str(refused)
                args.ack()

        return answering

    def send(self, way: Way, name: object) -> int:
        body = {"user": USER, **PAYLOADS[way](name)}
        return self._app.dispatch(BoltRequest(body=body, mode="socket_mode")).status


@pytest.mark.parametrize("way", Way)
def test_each_name_gets_to_its_own_listener(way: Way) -> None:
    office = Office()

    assert office.send(way, "other") == 200
    assert office.send(way, "one") == 200

    assert office.heard == [(way, "other"), (way, "one")]
    assert not office.refused


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("name", ["", "one ", "ONE", "another version's"])
def test_a_name_that_nobody_listens_to_is_answered_all_the_same(way: Way, name: str) -> None:
    office = Office()

    assert office.send(way, name) == 200

    assert not office.heard
    assert office.refused == 1


def test_a_command_that_is_not_ours_names_the_ones_that_are() -> None:
    office = Office()

    office.send(Way.COMMAND, "/another")

    assert office.told == "I do not know this command. Try one help or other help."


def test_every_way_is_one_that_bolt_can_register_and_has_an_order_of_its_own() -> None:
    assert list(PAYLOADS) == list(Way)
    assert all(callable(getattr(App, way)) for way in Way)
