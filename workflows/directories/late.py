"""A W&B that is found out about on first use, so that the bot starts while W&B is down."""

import logging
import threading
from collections.abc import Callable, Mapping

import httpx

from workflows.directories.dialect import Dialect
from workflows.directories.wandb import WandbDirectory, connect
from workflows.directories.wandb_probe import probe
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.roster import Roster
from workflows.domain.standings import Reading
from workflows.ports import Clock

log = logging.getLogger(__name__)


class LateDirectory:
    """`ports.Directory` that probes once, when it is first needed, and then hands on.

    `recall` and `remember` keep the dialect between runs. Until the probe has worked every method
    raises what it raised: `DirectoryUnavailable` or `DirectoryClosed`.
    """

    def __init__(
        self,
        http: httpx.Client,
        key: str,
        username: str | None,
        *,
        recall: Callable[[], Dialect | None],
        remember: Callable[[Dialect], None],
        clock: Clock,
    ) -> None:
        self._http = http
        self._key = key
        self._username = username
        self._recall = recall
        self._remember = remember
        self._clock = clock
        self._lock = threading.Lock()
        self._found: WandbDirectory | None = None

    def _directory(self) -> WandbDirectory:
        with self._lock:
            if self._found is None:
                dialect = probe(
                    self._http, self._key, self._username, self._recall(), clock=self._clock
                )
                self._remember(dialect)
                log.info("W&B probed", extra={"base": dialect.base, "auth": dialect.auth})
                self._found = connect(
                    self._http,
                    self._key,
                    self._username,
                    dialect,
                    self._remember,
                    clock=self._clock,
                )
            return self._found

    def roster(self) -> Roster:
        """See `ports.Directory`."""
        return self._directory().roster()

    def read(self, person: EmailAddress, place: Place, *, account: str | None) -> Reading:
        """See `ports.Directory`."""
        return self._directory().read(person, place, account=account)

    def invite(self, person: EmailAddress) -> str:
        """See `ports.Directory`."""
        return self._directory().invite(person)

    def set_role(
        self, person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
    ) -> Reading:
        """See `ports.Directory`."""
        return self._directory().set_role(person, place, role, seen=seen)

    def put_back_others(self, seen: Reading, roles: Mapping[str, str]) -> None:
        """See `ports.Directory`."""
        self._directory().put_back_others(seen, roles)

    def is_own_account(self, account: str) -> bool:
        """See `ports.Directory`."""
        return self._directory().is_own_account(account)
