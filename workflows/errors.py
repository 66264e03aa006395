"""Every error that crosses a module boundary, drawn and defined.

    AccessError
    ├── Refused                   tell the person; the message is written for them
    │   ├── PolicyRefused         no rule lets this person have this; one complaint a form field
    │   │   └── AskedAlready      what is stored is against it: no newer reading changes that
    │   │       └── AskedTooMuch  over a limit; it is logged, since nothing is stored of it
    │   ├── NotAnApprover         someone else has to decide this one
    │   └── AlreadySettled        the request or grant has moved on since the button was drawn
    ├── NotFound                  no such request or grant
    ├── Conflict                  somebody else was faster; `again_on_conflict` starts over
    ├── LeaseLost                 another worker has the job now; what this one knows is void
    ├── Unavailable               the other side did not answer properly: tried again later
    │   ├── DirectoryUnavailable  carries `retry_after` when W&B said how long
    │   ├── DirectoryClosed       401 or 403 on our key: the call waits until the key works again
    │   │   └── GateClosed        so it is known already: not asked again, and not logged once more
    │   └── NotifierUnavailable
    ├── DirectoryChanged          412: it changed since it was read; `ensure` starts again
    └── DirectoryRejected         the directory answered no: a person has to look

A class exists because somebody catches it differently. What is not in this tree is a bug.
"""

from collections.abc import Mapping


class AccessError(Exception):
    """Anything that this program expects to go wrong."""


class Refused(AccessError):
    """A no that is told to the person as it stands: say what to do, in their words."""


class PolicyRefused(Refused):
    """Every reason why this cannot be asked for, keyed by the form field it belongs to.

    Fields are `team`, `role`, `duration` and `reason`.
    """

    def __init__(self, complaints: Mapping[str, str]) -> None:
        super().__init__(" ".join(complaints.values()))
        self.complaints = dict(complaints)


class AskedAlready(PolicyRefused):
    """What waits already is against it, whatever W&B says now."""


class AskedTooMuch(AskedAlready):
    """One more would be over a limit of the policy; `limit` is its key."""

    def __init__(self, limit: str, complaints: Mapping[str, str]) -> None:
        super().__init__(complaints)
        self.limit = limit


class NotAnApprover(Refused):
    """This person's word does not count for this request."""


class AlreadySettled(Refused):
    """It has been decided, cancelled, lapsed or ended since the button was drawn."""


class NotFound(AccessError):
    """No such request or grant."""


class Conflict(AccessError):
    """The row was changed between our reading and our writing; start the use case over."""


class LeaseLost(AccessError):
    """The job's lease ran out and somebody else holds it now; store nothing more."""


class Unavailable(AccessError):
    """The other side did not answer properly; asking again may help."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds, when the other side named them


class DirectoryUnavailable(Unavailable):
    """W&B is down, slow, over its limit, or answered something that is not SCIM."""


class DirectoryClosed(Unavailable):
    """W&B refused our key (401, 403); nothing can be done until somebody mends it.

    `personal`: it may be about the person who was to be changed (403), and not about the key.
    """

    def __init__(self, message: str, *, personal: bool = False) -> None:
        super().__init__(message)
        self.personal = personal


class GateClosed(DirectoryClosed):
    """W&B refuses our key, as everybody has been told: this time it was not even asked."""


class ProcessRefused(GateClosed):
    """W&B refuses this process and takes others: one of those is to do the job."""


class NotifierUnavailable(Unavailable):
    """Slack is down, slow or over its limit."""


class DirectoryChanged(AccessError):
    """It changed since it was read (412); read again, decide again."""


class DirectoryRejected(AccessError):
    """W&B understood and said no; the message is fit to be shown to people."""
