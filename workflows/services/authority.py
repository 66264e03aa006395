"""Rights that are asked of W&B itself, at the moment of effect: the stored roster is not enough."""

from typing import assert_never

from workflows.domain.entitlements import EmailAddress, Organization, Place, Rank
from workflows.domain.grants import Grant
from workflows.domain.policy import (
    ApproverSpec,
    ChatGroup,
    NamedPerson,
    OrganizationAdmins,
    TeamAdmins,
    different_people,
)
from workflows.errors import DirectoryRejected
from workflows.services.deps import Deps


class Authority:
    """Answers from W&B, each asked at most once in one pass."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._known: dict[tuple[EmailAddress, Place], str | None] = {}

    def complaint_about(self, grant: Grant) -> str | None:
        """Why this grant's approval no longer holds, or None when everybody still may approve."""
        terms = self._deps.policy.terms(grant.place, grant.role)
        if not terms.allowed:
            return "The policy no longer allows this to be asked for."
        roster = self._deps.rosters.current()
        if different_people(grant.approvers, roster) < terms.approvals:
            return f"The policy asks for {terms.approvals} approvals by now."
        for approver in grant.approvers:
            if roster.is_same_person(approver, grant.person):
                return "Nobody decides on their own request, by whatever account."
            if not any(self._still_is(spec, approver, grant.place) for spec in terms.approvers):
                return f"{approver} approved it, and by now may not decide on this any more."
        return None

    def _still_is(self, spec: ApproverSpec, person: EmailAddress, place: Place) -> bool:
        match spec:
            case TeamAdmins():
                return self.is_admin(person, place)
            case OrganizationAdmins():
                return self.is_admin(person, Organization())
            case NamedPerson(email):
                return email == person
            case ChatGroup(id):
                return person in self._deps.groups.members(id)
            case _:
                assert_never(spec)

    def is_admin(self, person: EmailAddress, place: Place) -> bool:
        """Whether W&B shows this address as one active human admin there, now."""
        return self.admin_account(person, place) is not None

    def admin_account(self, person: EmailAddress, place: Place) -> str | None:
        """The account of this address, if it is one active human admin there, now."""
        key = (person, place)
        if key not in self._known:
            self._known[key] = self._ask(person, place)
        return self._known[key]

    def _ask(self, person: EmailAddress, place: Place) -> str | None:
        try:
            reading = self._deps.directory.read(person, place, account=None)
        except DirectoryRejected:  # several accounts have the address: not certain, so no
            return None
        held = reading.held
        is_admin = held is not None and held.rank is Rank.ADMIN and not held.custom
        return reading.account if reading.active and reading.human and is_admin else None
