"""Domain values in words."""

import pytest

from bot.views import phrases
from tests.bot.views.cases import ADA, BOB, EVE, MENTION
from workflows.domain.drift import Instead, Word
from workflows.domain.entitlements import EmailAddress, Rank, Role


@pytest.mark.parametrize(
    ("emails", "words"),
    [
        ([], "nobody"),
        ([BOB], "bob@corp.example"),
        ([EVE, ADA], "<@U0EVE> and <@U0ADA>"),
        ([EVE, ADA, BOB], "<@U0EVE>, <@U0ADA> and bob@corp.example"),
    ],
)
def test_people_are_listed_as_a_sentence_would(emails: list[EmailAddress], words: str) -> None:
    assert phrases.people(emails, MENTION) == words


def test_an_address_is_escaped() -> None:
    assert phrases.person("r&d@corp.example", {}) == "r&amp;d@corp.example"


def test_who_did_it_by_a_command_is_called_by_name_and_mentions_nobody() -> None:
    assert phrases.person("operator:ops", MENTION) == "ops, who operates this bot"
    shown = phrases.person("operator:<!channel>\n*ops*", MENTION)
    assert "<!channel>" not in shown
    assert "\n" not in shown
    assert phrases.person(f"operator:{EVE}", MENTION) == f"{EVE}, who operates this bot"


def test_what_somebody_changed_is_said_in_slack_and_in_a_terminal_with_the_same_words() -> None:
    seen = Instead(Role("R&D", Rank.MEMBER, custom=True), Word.LEFT)

    assert phrases.changed(seen) == (
        "W&amp;B shows *R&amp;D* there now, and that was left as it is."
    )
    assert phrases.plain_changed(seen) == "W&B shows R&D there now, and that was left as it is."
    assert phrases.plain_changed(Instead(None, Word.PUT_BACK)) == (
        "W&B shows no role there now: somebody changed it by hand. It is to be put back, and W&B "
        "has not done that yet."
    )
