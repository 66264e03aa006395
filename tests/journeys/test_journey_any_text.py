"""Whatever people type, wherever: Slack takes what comes of it, and it calls nobody."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sandbox.slack_state import Message, View
from tests.journeys.conftest import Journeys
from tests.journeys.rig import SHORT, Journey

MANY = SHORT + "limits:\n  requests_per_hour: 100000\n  pending_per_person: 100000\n"
CALLS = [
    "<!channel>",
    "<!here|all>",
    "<@U0SANDBOX1>",
    "<!subteam^S123|team>",
    "<#C1|x>",
    "<https://evil.example|ok>",
    "https://evil.example",
    "@channel",
    "&lt;!here&gt;",
    "`code` ```block``` *b* _i_ ~s~ :boom:",
    "\n*Role*\nadmin",
    "\u202eabc\u2066def\u200b\u200d\ufeff",
    "\x1b[31mred\r\n\x07",
    "\0",
    "'; DROP TABLE access_request; --",
    "=1+1",
    "😀" * 20,
]
WORDS = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(CALLS), min_size=1, max_size=5).map(" ".join),
    st.sampled_from(["&" * 1000, "<" * 999, "&" * 3000, "\n" * 500 + "x", "😀" * 500, "x" * 3000]),
)
DURATIONS = st.one_of(
    st.sampled_from(["2h", "8H", " 3 d ", "until friday", "until 2030-01-01", "permanent"]),
    st.text("0123456789smhdw:-+. until/", max_size=30),
    WORDS,
)
OWN = re.compile(r"<!date\^[^>]*>|<@(U[A-Z0-9]+)>")


def slowly(examples: int) -> settings:
    """Journeys take their time; one that fails is told as it is, and not made smaller."""
    return settings(
        max_examples=examples,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


def _live(drawn: Any) -> Iterator[str]:
    """Every text in which Slack looks for mentions and links."""
    if isinstance(drawn, dict):
        if drawn.get("type") == "mrkdwn":
            assert drawn["verbatim"] is True  # else Slack makes links and mentions of plain words
            yield drawn["text"]
        for inner in drawn.values():
            yield from _live(inner)
    elif isinstance(drawn, list | tuple):
        for inner in drawn:
            yield from _live(inner)


def assert_calls_nobody(journey: Journey) -> None:
    """All that Slack shows now: no `<…>` but our own dates and the people concerned."""
    ours = {journey.people[name].id for name in ("eve", "ada", "olga")}
    shown: list[Message | View] = list(journey.slack.messages.values())
    shown += list(journey.slack.views.values())
    for one in shown:
        for text in (*_live(one.blocks), one.text if isinstance(one, Message) else ""):
            assert set(OWN.findall(text)) - {""} <= ours, text
            assert "<" not in OWN.sub("", text), text


@pytest.mark.timeout(1800)  # with `--long`
def test_any_reason_any_comment_and_any_command(journeys: Journeys, long: bool) -> None:
    journey = journeys(policy=MANY).start()
    eve, ada = journey.eve, journey.ada

    @slowly(300 if long else 6)
    @given(reason=WORDS, comment=WORDS, duration=DURATIONS, words=WORDS)
    def tell(reason: str, comment: str, duration: str, words: str) -> None:
        assert eve.command("/wandb", words).error is None
        assert eve.command("/wandb", f"request-access vision {words}").error is None
        view = eve.command("/wandb", "request-access vision member 2h").view
        assert view is not None
        refused = eve.fill(view, {"Reason": reason, "Duration": duration})
        sent = refused.closed or eve.fill(view, {"Reason": reason, "Duration": "2h"}).closed
        if not sent:
            assert eve.fill(view, {"Reason": "plain", "Duration": "2h"}).closed
        card = journey.card(ada)
        assert ada.command("/wandb", "approvals").error is None
        ada.open_home()
        denial = ada.click(card, "Deny").view
        assert denial is not None
        if not ada.fill(denial, {"Reason": comment}).closed:
            assert ada.fill(denial, {"Reason": "plain"}).closed
        journey.until(lambda: not any("[Cancel]" in eve.text_of(one) for one in eve.messages()))
        eve.open_home()
        assert_calls_nobody(journey)

    tell()


@pytest.mark.timeout(1800)  # with `--long`
def test_any_name_of_a_team_and_of_a_role(journeys: Journeys, long: bool) -> None:
    names = st.one_of(st.text(min_size=1, max_size=128).filter(str.strip), st.sampled_from(CALLS))

    @slowly(20 if long else 1)
    @given(st.lists(names, min_size=6, max_size=6, unique_by=str.casefold))
    def tell(several: list[str]) -> None:
        journey = journeys(policy=MANY)
        for name in several:
            journey.wandb.add_team(name, {"ada": "admin"})
        journey.start()
        for name in several:
            reply = journey.eve.command("/wandb", f'request-access "{name}" member 2h why')
            assert reply.error is None
            assert journey.eve.command("/wandb", f"request-access vision {name}").error is None
        assert journey.eve.command("/wandb", "request-access").view is not None
        journey.eve.open_home()
        journey.ada.open_home()
        assert journey.ada.command("/wandb", "approvals").error is None
        assert_calls_nobody(journey)
        journey.stop()

    tell()
