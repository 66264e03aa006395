"""Slack's Web API as the rest of `bot` sees it: an answer, a no, or “try again later”.

Where the vocabulary of `slack_sdk` ends. Error codes: the method pages on docs.slack.dev/reference.
"""

import re
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from bot.meters import SLACK_CALLS
from workflows.errors import NotifierUnavailable
from workflows.points import point

# What a later try, or somebody mending the installation, can make good.
_TRY_AGAIN = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "team_added_to_org",
        "request_timeout",
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "missing_scope",
        "org_login_required",
        "ekm_access_denied",
        "unknown_method",
    }
)

# How Slack's codes look. For a page that is not Slack's, slack_sdk (3.47) has a sentence there.
_CODE = re.compile(r"[a-z0-9_]+")


class SlackSaidNo(Exception):
    """Slack understood and refused: `code` says why, in its own word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def new_client(token: str, base_url: str, *, timeout: int) -> WebClient:
    """A client that tries once: what must not be lost is tried again by the outbox.

    `timeout` in seconds. A connection-error retry of `chat.postMessage` could post twice.
    """
    return WebClient(token=token, base_url=base_url, timeout=timeout, retry_handlers=[])


def call(method: Callable[..., Any], **arguments: Any) -> dict[str, Any]:  # slack_sdk's own types
    """Call one method of a client. Raises `SlackSaidNo` and `NotifierUnavailable`."""
    point("about to ask Slack")
    try:
        answer = method(**arguments)
        point("Slack answered")
    except SlackApiError as error:
        translated = _translated(error)
        SLACK_CALLS.add("refused" if isinstance(translated, SlackSaidNo) else "later")
        raise translated from error
    except (SlackClientError, HTTPException, URLError, OSError, ValueError) as error:
        SLACK_CALLS.add("later")
        raise NotifierUnavailable(f"Slack did not answer: {type(error).__name__}") from error
    data = answer.data
    if not isinstance(data, dict):
        SLACK_CALLS.add("later")
        raise NotifierUnavailable("Slack answered something that is not JSON.")
    SLACK_CALLS.add("ok")
    return data


def call_webhook(url: str, **arguments: Any) -> None:  # what Slack takes
    """Use a response URL: five times within half an hour. Raises `NotifierUnavailable`.

    Tried once: a second try after a lost answer could show the line twice, and somebody waits.
    """
    try:
        answer = WebhookClient(url, timeout=2, retry_handlers=[]).send(**arguments)
    except (SlackClientError, HTTPException, URLError, OSError, ValueError) as error:
        raise NotifierUnavailable(f"Slack did not answer: {type(error).__name__}") from error
    if answer.status_code != 200:
        raise NotifierUnavailable(f"Slack did not take it: {answer.status_code}")


def _translated(error: SlackApiError) -> Exception:
    response: Any = error.response
    data = getattr(response, "data", None)
    said = data.get("error") if isinstance(data, dict) else None
    code = said if isinstance(said, str) and _CODE.fullmatch(said) else ""
    status = getattr(response, "status_code", 0)
    if status == 429 or status >= 500 or not code or code in _TRY_AGAIN:
        return NotifierUnavailable(
            f"Slack did not take it: {code or status}", retry_after=_retry_after(response)
        )
    return SlackSaidNo(code)


def _retry_after(response: Any) -> float | None:  # slack_sdk's own types
    headers = getattr(response, "headers", None) or {}
    for name, value in headers.items():
        if name.lower() == "retry-after":
            try:
                return float(value[0] if isinstance(value, list) else value)
            except (TypeError, ValueError):
                return None
    return None
