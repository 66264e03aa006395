"""Erase a person from the audit log without breaking its chain.

The rows stay sealed as they are: their hash covers the digest of what was there, and what is there
afterwards is vouched for by an event, which is sealed itself.
"""

import secrets
from dataclasses import dataclass

from workflows.domain import chain
from workflows.domain.chain import Keys, Row
from workflows.domain.deployment_events import PersonalDataErased
from workflows.domain.entitlements import EmailAddress
from workflows.domain.erasure import Erasure
from workflows.domain.events import OPERATOR
from workflows.domain.requests import RequestStatus
from workflows.errors import Refused
from workflows.services.audit_chain import Stored, known_keys, seal
from workflows.storage.unit_of_work import UnitOfWork

PAGE = 500  # rows that one event vouches for
NEWEST = 1000  # requests of one person; pending ones lapse within days


@dataclass(frozen=True, slots=True)
class Erased:
    """So many rows have the pseudonym in place of the address."""

    pseudonym: str
    rows: int


def concerned(deps: Stored, email: EmailAddress) -> list[int]:
    """The ids of the rows that would be changed; seals first, for only sealed rows are.

    Raises `Refused` when the person has access or asks for it: those rows are still needed; and
    when the key is not the one that seals now.
    """
    with deps.look() as work:
        if chain.changes_key(work.chain.keys, work.chain.head()):
            raise Refused("AUDIT_KEY is not the key that the audit log is sealed with by now.")
    seal(deps)
    with deps.look() as work:
        _refuse_while_needed(work, email)
        erasure = Erasure(email, "")
        return [
            row.id
            for row in work.chain.every()
            if isinstance(row.id, int)
            and row.seq is not None
            and erasure.of(row.content) != row.content
        ]


def refuse_to_keep(email: EmailAddress, reason: str, *, by: str) -> None:
    """Raise `Refused` when what is said with the erasure would keep the address."""
    if Erasure(email, "").names(f"{reason} {by.removeprefix(OPERATOR)}"):
        raise Refused("The reason, or who says so, has the address in it, and would keep it.")


def erase(deps: Stored, email: EmailAddress, reason: str, *, by: str) -> Erased:
    """Replace the address in every sealed row by a pseudonym, and blank what was written.

    Raises `Refused` when the person is still concerned, when the reason names them, and when a
    row is not what was stored: its change would be covered up.
    """
    refuse_to_keep(email, reason, by=by)
    erasure = Erasure(email, f"erased-{secrets.token_hex(4)}")
    ids = concerned(deps, email)
    with deps.begin() as work:
        work.chain.lock()
        _refuse_while_needed(work, email)
        keys = known_keys(work)
        known = chain.vouched(work.chain.erasures(), keys)
        for start in range(0, len(ids), PAGE):
            rows = work.chain.ones(ids[start : start + PAGE])
            told = PersonalDataErased(
                subject=erasure.pseudonym,
                at=deps.clock(),
                actor=by,
                reason=reason,
                rows=tuple(_rewrite(work, row, erasure, keys, known) for row in rows),
            )
            work.announce(told)
    seal(deps)
    return Erased(erasure.pseudonym, len(ids))


def _rewrite(
    work: UnitOfWork, row: Row, erasure: Erasure, keys: Keys, known: dict[int, str]
) -> str:
    assert isinstance(row.id, int), "the column is a primary key of whole numbers"
    if not chain.fits(row, keys, known):
        raise Refused(f"Row {row.id} is not what was stored: see `wandb-access audit verify`.")
    content = erasure.of(row.content)
    work.chain.rewrite(row, content)
    return chain.entry(row.id, content)


def _refuse_while_needed(work: UnitOfWork, email: EmailAddress) -> None:
    if work.grants.open_of(email):
        raise Refused(
            f"{email} still has access: end it first (`wandb-access grants --person {email}`, "
            "`wandb-access grants revoke ID`), and wait until it is gone."
        )
    asked = work.requests.of(email, limit=NEWEST)
    if any(request.status is RequestStatus.PENDING for request in asked):
        raise Refused(f"{email} has a request that waits: it has to be decided or cancelled first.")
