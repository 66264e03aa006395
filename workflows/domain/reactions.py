"""Event to jobs: the whole program on one screen.

ENSURE makes a standing true in W&B. NOTIFY brings every Slack message of a request into accord with
what is stored; of a standing, those of the requests whose access is live there. ALERT tells the
organization's admins what a person has to look at.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from workflows.domain.deployment_events import (
    AuditKeyChanged,
    AuditKeysRetired,
    AuditRowsAltered,
    BackupRestored,
    ClockJumped,
    PersonalDataErased,
    RestartedLate,
)
from workflows.domain.events import (
    ApprovalGiven,
    DirectoryAcceptedKey,
    DirectoryRefusedKey,
    DriftAdopted,
    DriftAsked,
    DriftFound,
    DriftGone,
    DriftPutBack,
    Event,
    GrantActivated,
    GrantEnded,
    GrantExpired,
    GrantExtended,
    GrantFailed,
    GrantIssued,
    GrantRevoked,
    LeftoverFound,
    LeftoverGone,
    LeftoverResolved,
    OtherRolesChanged,
    PersonInvited,
    PriorNoted,
    PriorReplaced,
    ProvisioningSettled,
    ProvisioningStuck,
    PutBackRefused,
    RequestApproved,
    RequestCancelled,
    RequestDenied,
    RequestLapsed,
    RequestSubmitted,
    RevocationRecovered,
    RevocationStuck,
    RoleSent,
    StuckResolved,
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
    DriftFound: (JobKind.NOTIFY, JobKind.ALERT),
    DriftAdopted: (JobKind.NOTIFY, JobKind.ALERT),
    DriftPutBack: (JobKind.ENSURE, JobKind.NOTIFY, JobKind.ALERT),
    DriftAsked: (JobKind.ALERT,),
    DriftGone: (JobKind.NOTIFY, JobKind.ALERT),
    PutBackRefused: (JobKind.NOTIFY, JobKind.ALERT),
    OtherRolesChanged: (JobKind.ALERT,),
    LeftoverFound: (JobKind.ALERT,),
    LeftoverGone: (JobKind.ALERT,),
    LeftoverResolved: (),
    PriorReplaced: (),
    ProvisioningStuck: (JobKind.ALERT,),
    ProvisioningSettled: (JobKind.ALERT,),
    StuckResolved: (JobKind.ENSURE, JobKind.NOTIFY),
    DirectoryRefusedKey: (JobKind.ALERT,),
    DirectoryAcceptedKey: (JobKind.ALERT,),
    ClockJumped: (JobKind.ALERT,),
    RestartedLate: (JobKind.ALERT,),
    BackupRestored: (JobKind.ALERT,),
    AuditKeyChanged: (JobKind.ALERT,),
    AuditKeysRetired: (),
    AuditRowsAltered: (JobKind.ALERT,),
    PersonalDataErased: (),
}

# What is usually followed by more within a moment is told together with it: one message drawn once.
DELAYS: Mapping[type[Event], timedelta] = {
    RequestApproved: timedelta(seconds=1),
    GrantRevoked: timedelta(seconds=1),
    DriftFound: timedelta(seconds=1),
    DriftPutBack: timedelta(seconds=1),
}


def alerts_of(event: Event, row: int) -> tuple[int, ...]:
    """The audit rows whose alerts have to be drawn (again) because of this event, stored in `row`.

    What was decided about a finding is shown in the finding's own message.
    """
    match event:
        case DriftAdopted(finding=finding) | DriftPutBack(finding=finding):
            return (finding,)
        case DriftAsked(finding=finding):  # its own is the message to the person
            return (finding, row)
        case DriftGone():  # it has no message; the last finding's is found where it is stored
            return ()
        case _:
            return (row,)
