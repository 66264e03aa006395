"""Whoever runs the bot ends somebody's access by a command, beside the bot that runs."""

import json

from tests.bot.test_main import wandb_access
from tests.journeys.conftest import Journeys


def test_an_operator_ends_access_by_a_command_and_the_running_bot_takes_it_back_and_tells(
    database_url: str, journeys: Journeys
) -> None:
    journey = journeys(database=database_url).start()
    journey.ask(journey.eve, "vision member 8h Release check")
    journey.approve(journey.ada)
    journey.eve.wait_for_message("*active*")
    beside = {"environ": journey.environ, "folder": journey.folder}

    listed = wandb_access("grants", "--json", **beside)  # type: ignore[arg-type]  # as named there
    (grant,) = map(json.loads, listed.stdout.splitlines())
    words = ("--reason", "She has <!channel> left.", "--by", "ops")
    done = wandb_access("grants", "revoke", grant["id"][:8], *words, **beside)  # type: ignore[arg-type]

    assert (done.returncode, done.stderr) == (0, "")
    ended = journey.eve.wait_for_message("*ended*")
    told = journey.eve.text_of(ended)
    assert "*ended* early, by ops, who operates this bot" in told
    assert ">She has <!channel> left." in told, "as it was written, and nobody is called"
    journey.ada.wait_for_message("by ops, who operates this bot")
    assert journey.role("eve") is None
    assert ("GrantRevoked", "operator:ops") in journey.audit()
    assert wandb_access("grants", **beside).stdout == "No access is open.\n"  # type: ignore[arg-type]
