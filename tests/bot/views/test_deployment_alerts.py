"""What the organization's admins are told of the bot itself."""

from dataclasses import asdict

import pytest

from bot.views import alert_message
from tests.bot.views.cases import NOW, assert_slack_takes, said
from workflows.domain.deployment_events import BackupRestored, ClockJumped, RestartedLate
from workflows.domain.events import BOT, DEPLOYMENT, Event
from workflows.ports import Alert


def alert_of(event: Event) -> Alert:
    return Alert("e-1", type(event).__name__, event.subject, event.at, asdict(event))


def jumped(seconds: int, ahead: int = 0) -> ClockJumped:
    return ClockJumped(subject=DEPLOYMENT, at=NOW, actor=BOT, seconds=seconds, ahead=ahead)


@pytest.mark.parametrize(
    ("event", "sentences"),
    [
        (jumped(3720), ["set forward by 1 h 2 min", "too early", "NTP"]),
        (jumped(-200_000), ["set back by 2 d 7 h", "late, or will"]),
        (jumped(-7200, ahead=1), ["I gave 1 that is still open; the time of it counts from now"]),
        (jumped(-7200, ahead=2), ["I gave 2 that are still open; the time of it counts"]),
        (
            RestartedLate(subject=DEPLOYMENT, at=NOW, actor=BOT, last_beat=NOW.isoformat()),
            ["I was not running for a while", "Nothing of me ran since", "backup"],
        ),
        (
            BackupRestored(subject=DEPLOYMENT, at=NOW, actor=BOT, published=12, stored=7),
            ["The audit log ends at 7, and 12 was published", "by hand"],
        ),
    ],
)
def test_each_says_what_was_found_and_what_to_do(event: Event, sentences: list[str]) -> None:
    message = alert_message.draw(alert_of(event))

    assert_slack_takes(message)
    text = said(message)
    assert [one for one in (*sentences, "What to do:") if one not in text] == []
