"""What can be done about access that was given: give it back."""

from workflows.domain import grants
from workflows.domain.entitlements import EmailAddress
from workflows.domain.grants import Grant
from workflows.errors import Refused
from workflows.services.deps import Deps
from workflows.storage.unit_of_work import again_on_conflict


@again_on_conflict
def give_back(deps: Deps, id: str, *, by: EmailAddress) -> Grant:
    """The person who has it is done with it. The access is gone when the worker has been to W&B.

    Raises `Refused` for anybody else, `AlreadySettled` when it is over, `NotFound`.
    """
    now = deps.clock()
    with deps.begin() as work:
        grant = work.grants.get(id)
        if grant.person != by:
            raise Refused("Only the person who has this access can give it back.")
        return work.record(grants.revoke(grant, by=by, reason="given back", now=now))
