"""How log records look: one JSON object a line on standard error, with the fields they were given.

Nothing here adds what people wrote, tokens or bodies; the libraries that would are kept quiet.
"""

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer

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


# Where it broke, but not what was in the variables there: tokens and people's words are among them.
_TRACEBACKS = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


def configure(level: int) -> None:
    """Send every record of the process to standard error as JSON, in UTC."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
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
