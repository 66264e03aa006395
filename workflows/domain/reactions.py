"""Event to jobs: the whole program on one screen.

ENSURE makes a standing true in W&B. NOTIFY brings every Slack message of a request into accord with
what is stored. ALERT tells the organization's admins what a person has to look at.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from workflows.domain.events import (
    ApprovalGiven,
    DriftFound,
    Event,
    GrantActivated,
    GrantEnded,
    GrantExpired,
    GrantExtended,
    GrantFailed,
    GrantIssued,
    GrantRevoked,
    LeftoverFound,
    OtherRolesChanged,
    PersonInvited,
    PriorNoted,
    RequestApproved,
    RequestCancelled,
    RequestDenied,
    RequestLapsed,
    RequestSubmitted,
    RevocationRecovered,
    RevocationStuck,
    RoleSent,
)


class JobKind(StrEnum):
    """What can be owed."""

    ENSURE = "ensure"
    NOTIFY = "notify"
    ALERT = "alert"


REACTIONS: Mapping[type[Event], tuple[JobKind, ...]] = {
    RequestSubmitted: (JobKind.NOTIFY,),
    ApprovalGiven: (JobKind.NOTIFY,),  # one of several needed
    RequestApproved: (JobKind.NOTIFY,),
    RequestDenied: (JobKind.NOTIFY,),
    RequestCancelled: (JobKind.NOTIFY,),
    RequestLapsed: (JobKind.NOTIFY,),
    GrantIssued: (JobKind.ENSURE,),
    PersonInvited: (),
    PriorNoted: (),
    RoleSent: (),
    GrantActivated: (JobKind.NOTIFY,),
    GrantExtended: (JobKind.NOTIFY,),
    GrantExpired: (JobKind.ENSURE,),
    GrantRevoked: (JobKind.ENSURE, JobKind.NOTIFY),
    GrantEnded: (JobKind.NOTIFY,),
    GrantFailed: (JobKind.NOTIFY,),
    RevocationStuck: (JobKind.NOTIFY, JobKind.ALERT),
    RevocationRecovered: (JobKind.ALERT,),
    DriftFound: (JobKind.ALERT,),
    OtherRolesChanged: (JobKind.ALERT,),
    LeftoverFound: (JobKind.ALERT,),
}

# What is usually followed by more within a moment is told together with it: one message drawn once.
DELAYS: Mapping[type[Event], timedelta] = {
    RequestApproved: timedelta(seconds=1),
    GrantRevoked: timedelta(seconds=1),
}
