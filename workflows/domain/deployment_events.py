"""Facts about the bot itself: its clock, its absence, its database and its audit log."""

from dataclasses import dataclass

from workflows.domain.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped(Event):
    """The clock that ends are told by was set, by so many seconds (negative: back)."""

    seconds: int
    ahead: int = 0  # grants that had been issued in what is the future now


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartedLate(Event):
    """Nothing of this bot ran from `last_beat` until now."""

    last_beat: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRestored(Event):
    """The audit log ends before the head that was published: this database is an older one."""

    published: int
    stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKeyChanged(Event):
    """From here on the audit log is sealed by another key. Only the keys' ids are told."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKeysRetired(Event):
    """From here on no row counts that was stored with one of these keys, told by their ids."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRowsAltered(Event):
    """Rows of the audit log were not what they had been stored as when they were sealed, or are
    gone.
    """

    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataErased(Event):
    """An address in earlier rows was replaced by the subject: `rows` are ids and new digests."""

    reason: str
    rows: tuple[str, ...]
