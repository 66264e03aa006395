"""The policy: who may ask for what, for how long, and whose word it takes.

`Policy.terms` finds the rule, `approvers_of` names the people, and `authorize` is the one check of
a person's right to decide. What may be said against an ask stands in `checks`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import assert_never

from workflows.domain.entitlements import (
    EmailAddress,
    Organization,
    Place,
    Role,
    Team,
)
from workflows.domain.limits import Limits
from workflows.domain.requests import AccessRequest
from workflows.domain.roster import Roster
from workflows.errors import NotAnApprover


@dataclass(frozen=True, slots=True)
class TeamAdmins:
    """`team-admins`: the team's admins; for an organization role the organization's."""


@dataclass(frozen=True, slots=True)
class OrganizationAdmins:
    """`org-admins`."""


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """An e-mail address."""

    email: EmailAddress


@dataclass(frozen=True, slots=True)
class ChatGroup:
    """`slack-group:S0123`: whoever is in that user group."""

    id: str


ApproverSpec = TeamAdmins | OrganizationAdmins | NamedPerson | ChatGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for one entitlement: a rule, filled up from the defaults. Spans in seconds."""

    rule: str = "defaults"
    allowed: bool = True
    approvers: tuple[ApproverSpec, ...] = (TeamAdmins(),)
    approvals: int = 1
    min_duration: int = 15 * 60
    default_duration: int = 8 * 3600
    max_duration: int = 30 * 86_400
    permanent: bool = False
    reason_required: bool = True
    invite_new_people: bool = True
    pending_lapses_after: int = 3 * 86_400
    channel: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One paragraph of the file: what it covers, and its terms.

    None for a list means that the rule does not name that kind of thing; a rule that names none of
    the three covers everything.
    """

    teams: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    organization_roles: tuple[str, ...] | None = None
    terms: Terms

    def covers(self, place: Place, role: Role) -> bool:
        """Whether this rule speaks of that role there. Patterns are shell globs."""
        match place:
            case Team(name):
                if self.teams is None and self.roles is None:
                    return self.organization_roles is None
                return _matches(name, self.teams) and _matches(role.name, self.roles)
            case Organization():
                if self.organization_roles is None:
                    return self.teams is None and self.roles is None
                return _matches(role.name, self.organization_roles)
            case _:
                assert_never(place)


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, read from the top: the first that covers an entitlement wins."""

    defaults: Terms = field(default_factory=Terms)
    rules: tuple[Rule, ...] = ()
    limits: Limits = field(default_factory=Limits)
    enforces: bool = False  # what others take away of it is put back without asking anybody

    def terms(self, place: Place, role: Role) -> Terms:
        """What holds for this role there."""
        for rule in self.rules:
            if rule.covers(place, role):
                return rule.terms
        return self.defaults

    def chat_groups(self) -> frozenset[str]:
        """Every chat group that some rule names: the roster keeps their members."""
        every = (self.defaults, *(rule.terms for rule in self.rules))
        specs = (spec for terms in every for spec in terms.approvers)
        return frozenset(spec.id for spec in specs if isinstance(spec, ChatGroup))


def _matches(name: str, patterns: tuple[str, ...] | None) -> bool:
    return patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Approval:
    """Whose word is needed: `approvers` maps each address to why it is asked."""

    terms: Terms
    approvers: Mapping[EmailAddress, str]

    @property
    def needed(self) -> int:
        """How many different people have to say yes."""
        return self.terms.approvals


def approvers_of(
    terms: Terms, place: Place, roster: Roster, *, requester: EmailAddress
) -> dict[EmailAddress, str]:
    """Everybody whose word counts, and why they are asked. Never the requester by any account."""
    found: dict[EmailAddress, str] = {}
    for spec in terms.approvers:
        for email, why in _named_by(spec, place, roster).items():
            if not roster.is_same_person(email, requester):
                found.setdefault(email, why)
    return found


def _named_by(spec: ApproverSpec, place: Place, roster: Roster) -> dict[EmailAddress, str]:
    match spec:
        case TeamAdmins():
            why = f"you are an admin of {place}"
            return dict.fromkeys(sorted(roster.admins(place)), why)
        case OrganizationAdmins():
            why = "you are an admin of the organization"
            return dict.fromkeys(sorted(roster.admins(Organization())), why)
        case NamedPerson(email):
            return {email: "the policy names you"}
        case ChatGroup(id):
            why = "the policy names a user group that you are in"
            return dict.fromkeys(sorted(roster.groups.get(id, frozenset())), why)
        case _:
            assert_never(spec)


def different_people(emails: Iterable[EmailAddress], roster: Roster) -> int:
    """How many there are, when every account of one human counts once."""
    people: list[EmailAddress] = []
    for email in emails:
        if not any(roster.is_same_person(email, known) for known in people):
            people.append(email)
    return len(people)


def authorize(policy: Policy, request: AccessRequest, by: EmailAddress, roster: Roster) -> None:
    """The one check whether this person's word counts for this request, for every path.

    Raises `NotAnApprover`.
    """
    if roster.is_same_person(by, request.requester):
        raise NotAnApprover("Nobody decides on their own request. Somebody else has to.")
    others = (one.approver for one in request.approvals if one.approver != by)
    if any(roster.is_same_person(by, other) for other in others):
        raise NotAnApprover("You have approved this already, by another account of yours.")
    terms = policy.terms(request.place, request.role)
    if by not in approvers_of(terms, request.place, roster, requester=request.requester):
        raise NotAnApprover(
            f"Nothing changed: you are not among those who may decide on {request.role.name} "
            f"in {request.place}."
        )


def lapses_at(terms: Terms, *, now: datetime) -> datetime:
    """How long a request waits for its decision."""
    return now + timedelta(seconds=terms.pending_lapses_after)
