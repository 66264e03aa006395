"""End somebody's access by a command: what is open, which of it an id names, and ending it.

No right is asked: whoever can give the command has the database, and could change anything in it.
Who it was is in the audit row. The worker of the running bot takes the access back.
"""

from datetime import datetime

from workflows.domain import grants
from workflows.domain.entitlements import EmailAddress
from workflows.domain.grants import Grant, GrantStatus
from workflows.errors import AlreadySettled, NotFound, Refused
from workflows.services.stuck import SHORTEST_ID, Transaction
from workflows.storage.unit_of_work import UnitOfWork, again_on_conflict


def listed(work: UnitOfWork, person: EmailAddress | None = None) -> list[Grant]:
    """Everything that W&B may have by our doing, or one person's, in the order it was issued."""
    return work.watched.grants() if person is None else work.grants.open_of(person)


def find(work: UnitOfWork, id: str) -> Grant:
    """The one that this names: a whole id, also of what is over, or enough of an open one's.

    Raises `NotFound`, and `Refused` when several begin like that.
    """
    named = work.grants.find(id)
    if named is not None:
        return named
    found = [one for one in listed(work) if len(id) >= SHORTEST_ID and one.id.startswith(id)]
    if not found:
        raise NotFound(
            f"No access that is open has the id {id}; `wandb-access grants` lists what is."
        )
    if len(found) > 1:
        raise Refused(f"{len(found)} ids of access that is open begin with {id}; give more of it.")
    return found[0]


@again_on_conflict
def revoke(begin: Transaction, id: str, *, by: str, reason: str, now: datetime) -> Grant:
    """End it now. The access is gone when the worker has been to W&B.

    Raises `AlreadySettled` when it is over, and what `find` raises.
    """
    with begin() as work:
        grant = find(work, id)
        if grant.status is GrantStatus.ENDING:
            raise AlreadySettled(
                "Nothing changed: this access is over already, and is being taken back. "
                "`wandb-access stuck` says why, when it takes long."
            )
        return work.record(grants.revoke(grant, by=by, reason=reason, now=now))
