"""How log records look: one JSON object a line on standard error, with the fields they were given.

Nothing here adds what people wrote, tokens or bodies; the libraries that would are kept quiet.
Whoever reads the log may stand still (a full disk, a paused terminal): only a thread waits for it.
"""

import logging
import sys
from contextlib import nullcontext, suppress
from queue import Full, Queue
from threading import Thread
from typing import TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict

# Chatty below this level: requests with headers, payloads, statements with values.
QUIET = {
    "slack_sdk": logging.WARNING,
    "slack_sdk.web.base_client": logging.CRITICAL,  # it writes whole what is no answer of Slack
    "slack_bolt": logging.WARNING,
    "slack_bolt.App": logging.ERROR,  # it warns that the token is not for it, at every start
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "alembic": logging.WARNING,
    "apscheduler": logging.WARNING,
    "urllib3": logging.WARNING,
    "asyncio": logging.WARNING,
}


ROOM = 10_000  # lines that wait for a reader; what is beyond that is counted and left out
LAST_WORDS = 2.0  # seconds that the end of the process waits for them to be read

log = logging.getLogger(__name__)

# Where it broke, but not what was in the variables there: tokens and people's words are among them.
_TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


def _without_colours(_logger: object, _method: str, event: EventDict) -> EventDict:
    """uvicorn says some things twice, once with colours for a terminal."""
    event.pop("color_message", None)
    return event


class Beside(logging.Handler):
    """Writes lines to a stream in a thread of its own, so that who logs waits for nobody."""

    def __init__(self, stream: TextIO, room: int = ROOM) -> None:
        super().__init__()
        self._stream = stream
        self._lines: Queue[str | None] = Queue(room)
        self._left_out = 0
        Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`; the caller holds this handler's lock."""
        try:
            self._lines.put_nowait(self.format(record) + "\n")
        except Full:
            self._left_out += 1
        except Exception:  # as every handler does: a bug in a log call ends nothing
            self.handleError(record)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line)
                self._stream.flush()
            except (OSError, ValueError):  # closed: there is nobody left to tell
                pass
            self._lines.task_done()
            if self._left_out and self._lines.qsize() <= self._lines.maxsize // 2:
                with self.lock or nullcontext():
                    left_out, self._left_out = self._left_out, 0
                log.warning("lines of the log were left out", extra={"lines": left_out})
        self._lines.task_done()

    def flush(self) -> None:
        """Wait until everything was read, but not for long."""
        done = self._lines.all_tasks_done
        with done:
            done.wait_for(lambda: not self._lines.unfinished_tasks, LAST_WORDS)

    def close(self) -> None:
        """Let the thread end."""
        with suppress(Full):
            self._lines.put_nowait(None)
        super().close()


def configure(level: int) -> None:
    """Send every record of the process to standard error as JSON, in UTC."""
    handler = Beside(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                _without_colours,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _TRACEBACKS,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quiet in QUIET.items():
        logging.getLogger(name).setLevel(max(level, quiet))
