"""W&B as the settings name it: for the bot, and for commands that look at W&B as well."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from time import monotonic
from typing import Any

import httpx

from bot.meters import WANDB_CALLS, WANDB_SECONDS
from bot.settings import Settings
from workflows.directories.dialect import Dialect
from workflows.directories.late import LateDirectory
from workflows.ports import Clock, Directory
from workflows.storage.unit_of_work import UnitOfWork

Transaction = Callable[[], AbstractContextManager[UnitOfWork]]

TIMEOUT = httpx.Timeout(15.0, connect=5.0)  # seconds
CALLS = 8  # at once, at the most
DIALECT = "dialect"  # where in `meta` it is remembered how this W&B speaks


def connect(
    settings: Settings, begin: Transaction, look: Transaction, clock: Clock, close: ExitStack
) -> Directory:
    """W&B, which is called for the first time when it is first needed."""
    http = MeteredClient(
        base_url=settings.wandb_base_url,
        timeout=TIMEOUT,
        limits=httpx.Limits(max_connections=CALLS),
        follow_redirects=False,
        trust_env=not _is_loopback(settings.wandb_base_url),  # a proxy has no business with those
    )
    close.callback(http.close)
    return LateDirectory(
        http,
        settings.wandb_api_key.get_secret_value(),
        settings.wandb_username,
        recall=lambda: _recall(look),
        remember=lambda dialect: _remember(begin, dialect),
        clock=clock,
    )


class _NoCookies(httpx.Cookies):
    """Keeps none: the key is all that W&B has to know us by, and reading them costs."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them where they are."""


class MeteredClient(httpx.Client):
    """Counts what it is asked to send, and what came of it. Keeps no cookies."""

    cookies = _NoCookies()  # type: ignore[override]  # a property there, whose setter copies

    def send(self, request: httpx.Request, **given: Any) -> httpx.Response:  # httpx's own types
        """See `httpx.Client`."""
        began, status = monotonic(), "none"
        try:
            response = super().send(request, **given)
            status = str(response.status_code)
            return response
        finally:
            WANDB_CALLS.add(request.method, status)
            WANDB_SECONDS.add(monotonic() - began)


def _is_loopback(url: str) -> bool:
    host = httpx.URL(url).host
    return host in ("localhost", "127.0.0.1", "::1")


def _recall(look: Transaction) -> Dialect | None:
    with look() as looked:
        text = looked.meta.get(DIALECT)
    return Dialect.from_json(text) if text else None


def _remember(begin: Transaction, dialect: Dialect) -> None:
    with begin() as begun:
        begun.meta.put(DIALECT, dialect.to_json())
