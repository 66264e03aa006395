"""`wandb-access run` as a process of its own: killed, stopped, started twice, badly configured."""

import time

import httpx

from sandbox.bot_process import BotProcess
from sandbox.slack_people import Person
from sandbox.wandb_faults import Fault
from tests.journeys.conftest import Journeys
from tests.journeys.rig import Journey

LEASE = 30.0  # seconds, at most: on PostgreSQL a dead process's lease has to run out first


def hung(journey: Journey, method: str, path: str) -> None:
    """Wait until W&B has been asked and does not answer."""
    journey.until(
        lambda: any(
            one.method == method and path in one.path and one.status == 0
            for one in journey.api.calls
        )
    )


def given_once(journey: Journey, who: Person) -> None:
    who.wait_for_message("*active*", timeout=LEASE)
    journey.ada.wait_for_message("*Active*", timeout=LEASE)
    assert journey.role("eve") == "member"
    assert sum(one.applied for one in journey.writes()) == 1
    assert len(who.messages()) == len(journey.ada.messages()) == 1


def approved(journey: Journey, fault: Fault) -> BotProcess:
    process = journey.start_process()
    journey.ask(journey.eve, "vision member 8h Release check")
    journey.card(journey.ada)
    journey.api.faults.add(fault)
    journey.approve(journey.ada)
    return process


def test_killed_between_approval_and_effect_it_is_given_once_after_the_restart(
    database_url: str, journeys: Journeys
) -> None:
    journey = journeys(database=database_url)
    process = approved(journey, Fault(method="PATCH", hang=60))
    hung(journey, "PATCH", "")

    process.kill()
    journey.start_process()

    given_once(journey, journey.eve)


def test_killed_after_w_and_b_applied_it_and_before_it_was_read_back(journeys: Journeys) -> None:
    journey = journeys()
    process = approved(journey, Fault(method="PATCH", phase="after", hang=60))
    hung(journey, "PATCH", "")
    held = journey.role("eve")

    process.kill()
    journey.start_process()

    assert held == "member"
    given_once(journey, journey.eve)


def test_killed_while_it_was_reading_it_is_given_once(journeys: Journeys) -> None:
    journey = journeys()
    process = approved(journey, Fault(method="GET", path="/Users", hang=60))
    hung(journey, "GET", "/Users")

    process.kill()
    journey.start_process()

    given_once(journey, journey.eve)


def test_stopped_over_the_end_of_a_grant_it_is_taken_back_soon_after_the_start(
    journeys: Journeys,
) -> None:
    journey = journeys()
    process = journey.start_process()
    journey.ask(journey.eve, "vision member 2s Release check")
    journey.approve(journey.ada)
    journey.eve.wait_for_message("*active*")

    code = process.terminate()
    over_at = time.monotonic() + 2.5
    journey.until(lambda: time.monotonic() > over_at)
    still_there = journey.role("eve")
    began = time.monotonic()
    journey.start_process()
    journey.until(lambda: journey.role("eve") is None)
    took = time.monotonic() - began
    journey.eve.wait_for_message("*ended*")

    assert code == 0
    assert still_there == "member"
    assert took < 10


def test_what_was_asked_while_it_runs_is_still_there_after_a_kill(journeys: Journeys) -> None:
    journey = journeys()
    process = journey.start_process()
    journey.ask(journey.eve, "vision member 8h Release check")
    card = journey.card(journey.ada)

    process.kill()
    journey.start_process()
    reply = journey.ada.click(card, "Approve")

    assert reply.error is None
    given_once(journey, journey.eve)


def test_a_second_process_on_the_same_sqlite_file_is_refused(journeys: Journeys) -> None:
    journey = journeys()
    journey.start_process()

    second = journey.start_process(ready=False)
    code = second.wait_until_over()

    assert code == 1
    assert second.output.count("\n") == 1
    assert "Another wandb-access is running on journey.db" in second.output
    assert "Traceback" not in second.output


def test_sigterm_stops_it_soon_even_while_w_and_b_hangs(journeys: Journeys) -> None:
    journey = journeys()
    process = approved(journey, Fault(method="PATCH", hang=60))
    hung(journey, "PATCH", "")

    began = time.monotonic()
    code = process.terminate()
    took = time.monotonic() - began

    assert code == 0
    assert took < 10
    assert "Traceback" not in process.output


def test_readiness_says_starting_ready_and_degraded(journeys: Journeys) -> None:
    journey = journeys()
    journey.api.down()
    process = journey.start_process(ready=False)

    first = process.wait_until("/readyz", 503).json()
    alive = httpx.get(f"{process.url}/healthz", trust_env=False).status_code
    journey.api.up()
    ready = process.wait_until("/readyz", 200, 45).json()

    assert first["status"] == "starting"
    assert alive == 200
    assert ready["status"] == "ready"
    assert process.terminate() == 0


def test_missing_settings_are_all_named_with_exit_code_two(journeys: Journeys) -> None:
    journey = journeys()
    process = BotProcess({"WANDB_BASE_URL": "nonsense", "PORT": "x"}, journey.folder)

    process.start()
    code = process.wait_until_over()

    assert code == 2
    names = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "WANDB_API_KEY", "WANDB_BASE_URL", "PORT")
    assert [name for name in names if name not in process.output] == []
    assert "Traceback" not in process.output


def test_a_policy_that_is_none_is_refused_with_its_lines(journeys: Journeys) -> None:
    journey = journeys(policy="version: 1\ndefaults:\n  approvals: 0\n  max_duration: soon\n")

    process = journey.start_process(ready=False)
    code = process.wait_until_over()

    assert code == 2
    assert "approvals" in process.output
    assert "max_duration" in process.output
    assert "Traceback" not in process.output


def test_a_port_that_is_taken_is_told(journeys: Journeys) -> None:
    journey = journeys()
    first = journey.start_process()
    other = BotProcess(
        journey.environ | {"DATABASE_URL": f"sqlite:///{journey.folder / 'b.db'}"},
        journey.folder,
        port=first.port,
    )

    other.start()
    code = other.wait_until_over()

    assert code == 1
    assert f"Port {first.port}" in other.output
    assert "Traceback" not in other.output


def test_at_debug_level_no_secret_is_written_either(journeys: Journeys) -> None:
    journey = journeys(socket_mode=True)
    process = BotProcess(journey.environ | {"LOG_LEVEL": "DEBUG"}, journey.folder)
    with process:
        process.wait_until_ready()
        journey.slack.wait_for(lambda: journey.slack.courier.links, 10)
        journey.ask(journey.eve, "vision member 2s Release-check")
        journey.approve(journey.ada)
        journey.eve.wait_for_message("*ended*")

    assert "CANARY" not in process.output
    assert "Release-check" not in process.output
