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
from workflows.unreached import why

# What a later try can make good.
_TRY_AGAIN = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "team_added_to_org",
        "request_timeout",
        "org_login_required",
        "ekm_access_denied",
        "unknown_method",
    }
)
# What somebody who mends the installation can make good.
_TO_MEND = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "missing_scope",
        "accesslimited",
        "team_access_not_granted",
    }
)

# How Slack's codes look. For a page that is not Slack's, slack_sdk (3.47) has a sentence there.
_CODE = re.compile(r"[a-z0-9_]+")


class SlackSaidNo(Exception):
    """Slack understood and refused: `code` says why, in its own word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SlackRefusesApp(NotifierUnavailable):
    """Slack refuses a token, or the app lacks a right; once it is mended, a later try works."""

    def __init__(self, code: str, *, retry_after: float | None) -> None:
        super().__init__(f"Slack did not take it: {code}", retry_after=retry_after)
        self.code = code


def new_client(token: str, base_url: str, *, timeout: int) -> WebClient:
    """A client that tries once: what must not be lost is tried again by the outbox.

    `timeout` in seconds. A connection-error retry of `chat.postMessage` could post twice.
    """
    return WebClient(token=token, base_url=base_url, timeout=timeout, retry_handlers=[])


def call(method: Callable[..., Any], **arguments: Any) -> dict[str, Any]:  # slack_sdk's own types
    """Call one method of a client. Raises `SlackSaidNo` and `NotifierUnavailable`."""
    data: dict[str, Any] = ask(method, **arguments).data
    return data


def ask(method: Callable[..., Any], **arguments: Any) -> Any:  # slack_sdk's own types
    """The same, for who needs headers too: `data` of what it returns is a dict."""
    point("about to ask Slack")
    try:
        answer = method(**arguments)
        point("Slack answered")
    except (SlackClientError, HTTPException, URLError, OSError, ValueError) as error:
        trouble = translated(error)
        SLACK_CALLS.add("refused" if isinstance(trouble, SlackSaidNo) else "later")
        raise trouble from error
    if not isinstance(answer.data, dict):
        SLACK_CALLS.add("later")
        raise NotifierUnavailable("Slack answered something that is not JSON.")
    SLACK_CALLS.add("ok")
    return answer


def call_webhook(url: str, **arguments: Any) -> None:  # what Slack takes
    """Use a response URL: five times within half an hour. Raises `NotifierUnavailable`.

    Tried once: a second try after a lost answer could show the line twice, and somebody waits.
    """
    try:
        answer = WebhookClient(url, timeout=2, retry_handlers=[]).send(**arguments)
    except (SlackClientError, HTTPException, URLError, OSError, ValueError) as error:
        raise NotifierUnavailable(f"Slack did not answer: {why(error)}") from error
    if answer.status_code != 200:
        raise NotifierUnavailable(f"Slack did not take it: {answer.status_code}")


def translated(error: Exception) -> SlackSaidNo | NotifierUnavailable:
    """What an exception of slack_sdk means. Of its text only Slack's own code is kept."""
    if not isinstance(error, SlackApiError):
        return NotifierUnavailable(f"Slack did not answer: {why(error)}")
    response: Any = error.response
    data = getattr(response, "data", None)
    said = data.get("error") if isinstance(data, dict) else None
    code = said if isinstance(said, str) and _CODE.fullmatch(said) else ""
    status = getattr(response, "status_code", 0)
    retry_after = _seconds(header_of(response, "retry-after"))
    if status == 429 or status >= 500 or not code or code in _TRY_AGAIN:
        return NotifierUnavailable(
            f"Slack did not take it: {code or status}", retry_after=retry_after
        )
    if code in _TO_MEND:
        return SlackRefusesApp(code, retry_after=retry_after)
    return SlackSaidNo(code)


def header_of(response: Any, name: str) -> str | None:  # slack_sdk's own types
    """A header of an answer, whichever way the server spells its name."""
    headers = getattr(response, "headers", None) or {}
    for key, value in headers.items():
        if key.lower() == name:
            return str(value[0] if isinstance(value, list) else value)
    return None


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
