"""What the log says, and what it never says: secrets, and what people wrote."""

import io
import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.stdlib import ProcessorFormatter

from bot import logs
from sandbox.slack_faults import ErrorCode, HttpStatus, Lost, SlackFault
from sandbox.wandb_faults import Fault
from tests.journeys.rig import CANARY, Journey

WORDS = "the words that people wrote"
log = logging.getLogger("bot.somewhere")


@pytest.fixture
def restored() -> Iterator[None]:
    """Logging as it was, afterwards: `configure` is for a whole process."""
    root = logging.getLogger()
    level, quiet = root.level, {name: logging.getLogger(name).level for name in logs.QUIET}
    yield
    for handler in root.handlers[:]:  # pytest puts its own there, for each phase of a test
        if isinstance(handler.formatter, ProcessorFormatter):
            root.removeHandler(handler)
            handler.close()
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)


@pytest.mark.usefixtures("restored")
class TestOneRecord:
    """What one call of `logging` writes."""

    def written(self, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
        """The records on standard error; nothing is on standard output."""
        for handler in logging.getLogger().handlers:
            handler.flush()
        captured = capsys.readouterr()
        assert captured.out == ""
        return [json.loads(line) for line in captured.err.splitlines()]

    def test_what_the_server_says_is_said_once_and_without_colours(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        logs.configure(logging.INFO)
        server = logging.getLogger("uvicorn.error")
        server.info("Started [%d]", 7, extra={"color_message": "Started [\u001b[36m%d\u001b[0m]"})
        (record,) = self.written(capsys)
        assert record["event"] == "Started [7]"
        assert "color_message" not in record

    def test_it_is_one_json_object_on_one_line_with_its_fields(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        logs.configure(logging.INFO)
        log.warning("two\nlines “ü”", extra={"job": "ensure:x", "attempts": 2})
        (record,) = self.written(capsys)
        assert record.pop("timestamp").endswith("Z")
        assert record == {
            "event": "two\nlines “ü”",
            "level": "warning",
            "logger": "bot.somewhere",
            "job": "ensure:x",
            "attempts": 2,
        }

    def test_an_exception_says_where_but_not_what_was_in_the_variables(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fails(token: str) -> None:
            reason = WORDS
            raise RuntimeError(f"broken after {len(token + reason)} letters")

        logs.configure(logging.INFO)
        try:
            fails(CANARY)
        except RuntimeError:
            log.exception("a job failed")
        (record,) = self.written(capsys)
        (raised,) = record["exception"]
        assert raised["exc_type"] == "RuntimeError"
        assert [frame["name"] for frame in raised["frames"]][-1] == "fails"
        assert CANARY not in json.dumps(record)
        assert WORDS not in json.dumps(record)

    def test_libraries_that_log_what_passes_through_them_are_quiet(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        logs.configure(logging.DEBUG)
        for name in logs.QUIET:
            logging.getLogger(name).info("a request with its headers")
            logging.getLogger(f"{name}.deeper").debug("a body")
        assert self.written(capsys) == []
        log.debug("but not we")
        assert len(self.written(capsys)) == 1

    def test_below_the_level_nothing_is_written(self, capsys: pytest.CaptureFixture[str]) -> None:
        logs.configure(logging.INFO)
        log.debug("details")
        assert self.written(capsys) == []


def a_line(number: int) -> logging.LogRecord:
    """A record."""
    return logging.LogRecord("bot", logging.INFO, "", 0, str(number), (), None)


def test_who_logs_waits_for_no_reader_and_what_was_left_out_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reading, writing = os.pipe()
    stream = open(writing, "w", encoding="utf-8")  # noqa: SIM115  # closed below
    handler = logs.Beside(stream, room=10)
    handler.setFormatter(logging.Formatter("%(message)s" + "x" * 70_000))  # more than a pipe holds

    for number in range(50):
        handler.emit(a_line(number))  # nobody reads, and it comes back all the same
    with open(reading, "rb", buffering=0) as reader:
        while "lines of the log were left out" not in caplog.messages:
            assert reader.read(65_536)
        drain = threading.Thread(target=reader.readall)
        drain.start()
        handler.flush()
        handler.close()
        handler.flush()
        stream.close()
        drain.join(10)

    (told,) = caplog.records
    assert 39 <= vars(told)["lines"] <= 40  # one was being written


class Interrupted(io.StringIO):
    """A stream that is as good as closed for a while."""

    is_closed_now = True

    def write(self, text: str) -> int:
        if self.is_closed_now:
            raise ValueError("I/O operation on closed file")
        return super().write(text)


def test_a_log_that_is_closed_ends_nothing() -> None:
    stream = Interrupted()
    handler = logs.Beside(stream)

    handler.emit(a_line(1))
    handler.flush()
    stream.is_closed_now = False
    handler.emit(a_line(2))
    handler.flush()
    handler.close()

    assert stream.getvalue() == "2\n", "the thread that writes has outlived it"


class DebugJourney(Journey):
    """A bot that was told to log everything."""

    @property
    def environ(self) -> dict[str, str]:
        """With LOG_LEVEL=DEBUG."""
        return {**super().environ, "LOG_LEVEL": "DEBUG"}


def test_no_secret_and_no_word_of_people_is_in_the_log_whatever_happens(tmp_path: Path) -> None:
    journey = DebugJourney(tmp_path)
    journey.open()
    try:
        process = journey.start_process()
        _live_through_much(journey)
        assert process.terminate() == 0
        lines = process.output.splitlines()
    finally:
        journey.close()
    assert len(lines) > 10
    records = [json.loads(line) for line in lines]
    assert {record["level"] for record in records} >= {"debug", "info", "warning"}
    assert CANARY not in process.output
    assert WORDS not in process.output
    assert "Authorization" not in process.output


def _live_through_much(journey: Journey) -> None:
    """A form, a grant and its end; a denial; Slack and W&B failing in between."""
    slack, wandb = journey.slack.faults, journey.api.faults
    slack.add(SlackFault("chat.postMessage", Lost(), phase="after"))
    slack.add(SlackFault("chat.update", HttpStatus(502, f"<html>{WORDS}</html>")))
    slack.add(SlackFault("chat.update", ErrorCode("invalid_auth")))
    wandb.add(Fault(method="PATCH", status=502, answer=f"<html>{WORDS}</html>".encode()))
    wandb.add(Fault(method="PATCH", skip=1, status=400, answer=WORDS.encode()))
    journey.ask(journey.eve, f"vision member 4s {WORDS}")
    journey.ada.click(journey.ada.wait_for_message("[Approve]", timeout=30), "Approve")
    journey.eve.wait_for_message("ended", timeout=40)
    journey.ask(journey.bob, f"vision admin 8h {WORDS}")
    card = journey.ada.wait_for_message("[Approve]", timeout=30)
    view = journey.ada.click(card, "Deny").view
    assert view is not None
    journey.ada.fill(view, {"Reason": WORDS})
    journey.bob.wait_for_message("denied", timeout=30)
    journey.eve.command("/wandb", f"request-access {WORDS}")
    journey.ada.open_home()
