"""Whether Slack takes our tokens, in words that tell whoever runs the bot what to do.

The bot starts without asking: Slack may be down. It asks a moment later, and again and again, since
a token can be revoked, and an app be installed anew with more scopes, while it runs.
Error codes: docs.slack.dev/reference/methods/auth.test and …/apps.connections.open.
"""

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bot.slack_api import SlackRefusesApp, SlackSaidNo, ask, header_of, translated
from workflows.errors import NotifierUnavailable

SCOPES = (
    "commands",
    "chat:write",
    "im:write",
    "im:history",
    "channels:history",
    "groups:history",
    "users:read",
    "users:read.email",
    "usergroups:read",
)
"""What `app_manifest.yaml` asks for; a test compares them."""

UNCHECKED = "not checked yet"
EVERY = 600.0  # seconds between looks while all is well
FIRST_WAIT = 5.0  # seconds until it is asked again; twice as long each time
LONGEST_WAIT = 300.0
FIRST_ANSWER = 5.0  # seconds for which the first answer is waited for before others are let in

_INSTALL = "install the app again, set its new Bot User OAuth Token, and restart the bot"
_BOT_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "token_revoked": _INSTALL,
        "account_inactive": _INSTALL,
        "token_expired": f"switch token rotation off in the app, {_INSTALL}",
    }
)
_COPY = "copy the Bot User OAuth Token of the app again, set it, and restart the bot"
_MAKE = (
    "make an App-Level Token with connections:write on the app's page Basic Information,"
    " set it, and restart the bot"
)

log = logging.getLogger(__name__)


class SlackToken:
    """What Slack last said about the bot's token. `look` is for one thread at a time.

    `text` is `ok` or a sentence, and goes out to whoever asks for the health page.
    """

    def __init__(self, auth_test: Callable[[], Any], *, clock: Callable[[], float]) -> None:
        """`auth_test` is the client's; `clock` counts seconds and never goes back."""
        self._auth_test = auth_test
        self._clock = clock
        self._began: float | None = None  # to ask for the first time
        self._next = FIRST_WAIT
        self.text = UNCHECKED
        self.is_refused = False
        self.wait = FIRST_WAIT  # seconds until it is to be asked again

    @property
    def is_awaited(self) -> bool:
        """Whether the first answer may come any moment; a Slack that hangs is not waited for."""
        took = 0.0 if self._began is None else self._clock() - self._began
        return self.text == UNCHECKED and took < FIRST_ANSWER

    def look(self) -> None:
        """Ask Slack once, and say in the log what is new."""
        if self._began is None:
            self._began = self._clock()
        try:
            answer = ask(self._auth_test)
        except (SlackSaidNo, SlackRefusesApp) as error:
            self._refused(error.code)
        except NotifierUnavailable as error:
            self._unknown(error)
        else:
            self._taken(answer)

    def _taken(self, answer: Any) -> None:  # slack_sdk's own type
        self.wait, self._next, self.is_refused = EVERY, FIRST_WAIT, False
        missing = _missing(header_of(answer, "x-oauth-scopes"))
        if not missing:
            if self._is_new("ok"):
                workspace = answer.data.get("team_id")
                log.info("Slack takes the bot token", extra={"workspace": workspace})
        elif self._is_new(
            f"the Slack app lacks scopes ({', '.join(missing)}): "
            "add them on its page OAuth & Permissions, and install it again"
        ):
            log.warning("the Slack app lacks scopes", extra={"scopes": list(missing)})

    def _refused(self, code: str) -> None:
        self._again_later(0.0)
        self.is_refused = True
        why = f"Slack refuses SLACK_BOT_TOKEN ({code}): {_BOT_ADVICE.get(code, _COPY)}"
        if self._is_new(why):
            log.error("Slack refuses the bot token", extra={"why": why})

    def _unknown(self, error: NotifierUnavailable) -> None:
        """No answer is no news about a token that was refused."""
        self._again_later(error.retry_after or 0.0)
        if not self.is_refused and self._is_new(f"not known ({error}); Slack is asked again"):
            log.warning("Slack could not be asked about the bot token", extra={"error": str(error)})

    def _again_later(self, at_least: float) -> None:
        self.wait = min(LONGEST_WAIT, max(self._next, at_least))
        self._next = min(LONGEST_WAIT, 2 * self._next)

    def _is_new(self, text: str) -> bool:
        before, self.text = self.text, text
        return text != before


def why_unconnected(error: Exception) -> str:
    """Why there is no Socket Mode connection; without any text of `error`'s own."""
    trouble = translated(error)
    if isinstance(trouble, SlackSaidNo | SlackRefusesApp):
        return f"Slack refuses SLACK_APP_TOKEN ({trouble.code}): {_MAKE}"
    return str(trouble)


def _missing(granted: str | None) -> tuple[str, ...]:
    """The scopes that are not among those granted; none where Slack did not say which are."""
    if granted is None:
        return ()
    there = {scope.strip() for scope in granted.split(",")}
    return tuple(scope for scope in SCOPES if scope not in there)
