"""Domain values in words."""

import pytest

from bot.views import phrases
from tests.bot.views.cases import ADA, BOB, EVE, MENTION
from workflows.domain.entitlements import EmailAddress


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
