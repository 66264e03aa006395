"""The same delivery reaches two processes at the same moment: every way in has one effect."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest
from slack_bolt import BoltRequest

from sandbox.bot_thread import BotThread
from tests.journeys.conftest import Journeys
from tests.journeys.rig import Journey
from tests.postgres import Postgres

Result = tuple[int, Mapping[str, str], bytes]


class Both:
    """Brings each delivery to two bots at once, and hands the first one's answer to Slack."""

    def __init__(self, *bots: BotThread) -> None:
        self._bots = bots
        self.statuses: list[int] = []

    def __call__(self, body: bytes, headers: Mapping[str, str]) -> Result:
        barrier = threading.Barrier(len(self._bots))
        results: dict[int, Result] = {}

        def bring(number: int, bot: BotThread) -> None:
            request = BoltRequest(body=body.decode(), headers=dict(headers), mode="http")
            barrier.wait(10)
            answer = bot.bot.slack.dispatch(request)
            plain = {name: values[0] for name, values in answer.headers.items()}
            results[number] = (answer.status, plain, (answer.body or "").encode())

        threads = [threading.Thread(target=bring, args=pair) for pair in enumerate(self._bots)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.statuses += [results[number][0] for number in sorted(results)]
        return results[0]


@pytest.fixture
def journey(journeys: Journeys, postgres: Postgres) -> Iterator[Journey]:
    with ExitStack() as stack:
        url = stack.enter_context(postgres.fresh(migrated=False))
        journey = journeys(database=url).start()
        other = stack.enter_context(BotThread(journey.environ))
        journey.until(lambda: other.bot.health().ready)
        both = Both(journey.running, other)
        journey.slack.deliver = both
        yield journey
        journey.stop()
        assert set(both.statuses) == {200}
        assert journey.slack.failures == []


def events(journey: Journey) -> list[str]:
    return [event for event, _ in journey.audit()]


def test_a_form_an_approval_and_a_giving_back_have_one_effect_each(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    view = eve.command("/wandb", "request-access vision member 8h").view
    assert view is not None
    assert eve.fill(view, {"Reason": "why"}).closed
    ada.click(journey.card(ada), "Approve")
    active = eve.wait_for_message("*active*")
    eve.click(active, "I'm done")
    eve.wait_for_message("*ended*")

    for event in ("RequestSubmitted", "RequestApproved", "GrantIssued", "GrantRevoked"):
        assert events(journey).count(event) == 1, event
    assert len(eve.messages()) == len(ada.messages()) == 1
    assert len(journey.writes()) == 2


def test_a_command_and_its_cancelling_have_one_effect_each(journey: Journey) -> None:
    eve = journey.eve
    journey.ask(eve, "vision member 8h Release check")
    eve.click(eve.wait_for_message("[Cancel]"), "Cancel")
    eve.wait_for_message("*cancelled*")

    assert events(journey) == ["RequestSubmitted", "RequestCancelled"]
    assert len(eve.messages()) == 1


def test_a_denial_with_its_form_has_one_effect(journey: Journey) -> None:
    eve, ada = journey.eve, journey.ada
    journey.ask(eve, "vision member 8h Release check")
    opened = ada.click(journey.card(ada), "Deny").view
    assert opened is not None
    sent = ada.fill(opened, {"Reason": "not now"})
    eve.wait_for_message("*denied*")

    assert sent.closed
    assert events(journey) == ["RequestSubmitted", "RequestDenied"]
    assert len(ada.ephemerals) == 0
