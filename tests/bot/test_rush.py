"""More at once than can be answered: each is told so in time, and what is told was not done."""

import asyncio
import json
import logging
import threading
from urllib.parse import urlencode

import httpx
import pytest
from slack_bolt import BoltRequest, BoltResponse

from bot.meters import REFUSED
from bot.rush import BUSY, NOTE_EVERY, Tally, Turns
from bot.server import BOLT_THREADS
from tests.bot.serving import a_server_app, clock, served
from tests.bot.signing import signed_headers
from tests.journeys.burst import bring_at_once

FORM = {
    "type": "view_submission",
    "view": {"type": "modal", "callback_id": "form", "state": {"values": {"reason": {}}}},
}
CLICK = {"type": "block_actions", "actions": [{"action_id": "approve"}]}
BODIES = {
    "command": urlencode({"command": "/wandb", "text": "payload"}),
    "form": urlencode({"payload": json.dumps(FORM)}),
    "search": urlencode({"payload": json.dumps({"type": "block_suggestion", "action_id": "x"})}),
    "click": urlencode({"payload": json.dumps(CLICK)}),
    "event": json.dumps({"type": "event_callback", "event": {"type": "x"}}),
    "malformed": "payload=hello",
}
TOLD: dict[str, tuple[int, object]] = {
    "command": (200, {"response_type": "ephemeral", "text": BUSY}),
    "form": (200, {"response_action": "errors", "errors": {"reason": BUSY}}),
    "search": (200, {"options": []}),
    "click": (503, "Too much at once.\n"),
    "event": (503, "Too much at once.\n"),
    "malformed": (400, "The request is malformed.\n"),
}


def signed(text: str) -> tuple[dict[str, str], bytes]:
    kind = "application/json" if text.startswith("{") else "application/x-www-form-urlencoded"
    return signed_headers(text.encode(), clock(), kind), text.encode()


def test_what_waits_too_long_is_refused_in_words_and_never_begun() -> None:
    begun: list[str] = []
    all_busy, go_on = threading.Barrier(BOLT_THREADS + 1), threading.Event()

    def dispatch(request: BoltRequest) -> BoltResponse:
        begun.append(request.raw_body)
        if "occupy" in request.raw_body:
            all_busy.wait(10)
            go_on.wait(10)
        return BoltResponse(status=200)

    app = a_server_app(dispatch, wait_seconds=0.1)
    with served(app) as port:
        url = f"http://127.0.0.1:{port}/slack/events"
        occupying = [signed(f"command=/wandb&text=occupy+{n}") for n in range(BOLT_THREADS)]
        answers: list[int | None] = []
        others = threading.Thread(
            target=lambda: answers.extend(one.status for one in bring_at_once(url, occupying))
        )
        others.start()
        all_busy.wait(10)
        waiting = {name: signed(text) for name, text in BODIES.items()}
        told = dict(zip(waiting, bring_at_once(url, waiting.values()), strict=True))
        go_on.set()
        others.join(10)
        again = {name: httpx.post(url, content=body, headers=headers)
                 for name, (headers, body) in waiting.items()}  # fmt: skip

    for name, (status, answer) in TOLD.items():
        assert told[name].status == status
        shown = json.loads(told[name].body) if status == 200 else told[name].body
        assert shown == answer
        assert again[name].status_code == (200 if status == 503 else 401)  # Slack brings it anew
    assert answers == [200] * BOLT_THREADS
    assert len(begun) == BOLT_THREADS + 2


def test_a_rush_is_one_log_record_every_few_seconds_and_metrics_count_it_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    now = 0.0
    tally, before = Tally(lambda: now), REFUSED.counts().get(("busy",), 0)

    for now in (0.0, 1.0, 2.0, NOTE_EVERY):  # noqa: B007 - the clock of the tally
        tally.add()

    counts = [vars(one)["refused"] for one in caplog.records if one.name == "bot.rush"]
    assert counts == [1, 3]
    assert REFUSED.counts()[("busy",)] - before == 4  # also the last, which no record has yet


def test_turns_are_taken_in_order_and_whoever_waits_is_counted() -> None:
    async def scene() -> list[object]:
        turns = Turns(1, seconds=20)
        said: list[object] = [await turns.take(), turns.waiting]
        order: list[str] = []

        async def come(name: str) -> None:
            assert await turns.take()
            order.append(name)
            turns.give_back()

        others = [asyncio.create_task(come(name)) for name in ("first", "second")]
        await asyncio.sleep(0)
        said.append(turns.waiting)
        turns.give_back()
        await asyncio.gather(*others)
        return [*said, turns.waiting, order]

    assert asyncio.run(scene()) == [True, 0, 2, 0, ["first", "second"]]


def test_a_turn_that_does_not_come_in_time_is_not_waited_for() -> None:
    async def scene() -> list[object]:
        turns = Turns(1, seconds=0.01)
        said: list[object] = [await turns.take(), await turns.take(), turns.waiting]
        turns.give_back()
        return [*said, await turns.take()]

    assert asyncio.run(scene()) == [True, False, 0, True]
