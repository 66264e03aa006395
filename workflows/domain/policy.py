"""The policy: who may ask for what, for how long, and whose word it takes.

`Policy.terms` finds the rule; `evaluate` runs the ask through `CHECKS`, each a function from the
ask, its terms and the roster to a complaint or nothing, and says who decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import assert_never

from workflows.domain.durations import Permanent, Span, Until, ends_at, words_of
from workflows.domain.entitlements import (
    EmailAddress,
    Organization,
    Place,
    Rank,
    Role,
    Team,
)
from workflows.domain.grants import Grant
from workflows.domain.requests import AccessRequest, Ask
from workflows.domain.roster import Roster
from workflows.errors import NotAnApprover, PolicyRefused

MAX_REASON = 1000  # characters; escaped five-fold it still fits into two Slack sections of 3,000


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


@dataclass(frozen=True, slots=True)
class Case:
    """All that a check may look at."""

    ask: Ask
    terms: Terms
    roster: Roster
    now: datetime
    held: Role | None
    live: Sequence[Grant]


Complaint = tuple[str, str]  # the form field it belongs to, and the sentence for the person
Check = Callable[[Case], Complaint | None]


def may_be_asked_for(case: Case) -> Complaint | None:
    """A rule with `effect: deny` covers it."""
    if case.terms.allowed:
        return None
    return "role", (
        f"{case.ask.role.name} in {case.ask.place} cannot be asked for here "
        f"(policy: {case.terms.rule})."
    )


def is_known_place_and_role(case: Case) -> Complaint | None:
    """The team exists; viewer is no organization role that may be given (deprecated by W&B)."""
    match case.ask.place:
        case Team(name):
            if case.roster.find_team(name) is None:
                return "team", f"There is no team “{name}” in W&B. Pick one from the list."
        case Organization():
            if case.ask.role.custom or case.ask.role.rank is Rank.VIEWER:
                return "role", "In the organization the roles are admin and member."
        case _:
            assert_never(case.ask.place)
    return None


def has_usable_account(case: Case) -> Complaint | None:
    """The account is certain and active, or may be made."""
    email = case.ask.requester
    field = _place_field(case.ask.place)
    if case.roster.is_ambiguous(email):
        return field, (
            f"Several W&B accounts have the address {email}; ask a W&B admin to settle that first."
        )
    person = case.roster.find_person(email)
    if person is None and not case.terms.invite_new_people:
        return field, (
            f"There is no W&B account with the address {email}. "
            "Ask a W&B admin for one, then ask again here."
        )
    if person is not None and not person.active:
        return field, "Your W&B account is deactivated. Ask a W&B admin to reactivate it."
    return None


def is_not_held_already(case: Case) -> Complaint | None:
    """Neither what the person holds anyway nor a live grant gives all of it."""
    role, place = case.ask.role, case.ask.place
    if case.held is not None and case.held.covers(role):
        return "role", f"You already have {case.held.name} in {place}."
    end = ends_at(case.ask.duration, approved_at=case.now)
    for grant in case.live:
        lasts = grant.ends_at is None or (end is not None and end <= grant.ends_at)
        if grant.role.covers(role) and lasts:
            return "role", f"You already have {grant.role.name} in {place} for at least that long."
    return None


def within_duration(case: Case) -> Complaint | None:
    """Long enough, short enough, and without an end only where the policy says so."""
    terms = case.terms
    match case.ask.duration:
        case Permanent():
            if terms.permanent:
                return None
            return "duration", (
                f"Access without an end cannot be asked for here; at most "
                f"{words_of(terms.max_duration)}."
            )
        case Span(seconds):
            length = float(seconds)
        case Until(moment):
            length = (moment - case.now).total_seconds()
        case _:
            assert_never(case.ask.duration)
    if length > terms.max_duration:
        return "duration", f"That is too long: at most {words_of(terms.max_duration)} here."
    if length < terms.min_duration:
        return "duration", f"That is too short: at least {words_of(terms.min_duration)} here."
    return None


def has_reason(case: Case) -> Complaint | None:
    """There is one where the policy wants one, and a person can read it in one go."""
    if case.terms.reason_required and not case.ask.reason.strip():
        return "reason", "Say why you need it: the people who decide read this."
    if len(case.ask.reason) > MAX_REASON:
        return "reason", (
            f"That is {len(case.ask.reason):,} characters; say it in at most {MAX_REASON:,}."
        )
    return None


def somebody_else_can_decide(case: Case) -> Complaint | None:
    """Enough different people are there to ask, besides the person who asks."""
    place = case.ask.place
    approvers = approvers_of(case.terms, place, case.roster, requester=case.ask.requester)
    missing = case.terms.approvals - len(approvers)
    if missing <= 0:
        return None
    field = _place_field(place)
    if not approvers:
        return field, (
            f"Nobody can decide on this: there is no active admin for {place} besides you. "
            "Ask a W&B organization admin to name one."
        )
    return field, (
        f"This needs {case.terms.approvals} approvals, and only {len(approvers)} "
        f"{'person' if len(approvers) == 1 else 'people'} besides you may give one. "
        "Ask a W&B organization admin to name more."
    )


CHECKS: tuple[Check, ...] = (
    is_known_place_and_role,
    may_be_asked_for,
    has_usable_account,
    is_not_held_already,
    within_duration,
    has_reason,
    somebody_else_can_decide,
)


def evaluate(
    policy: Policy,
    ask: Ask,
    roster: Roster,
    *,
    now: datetime,
    held: Role | None,
    live: Sequence[Grant] = (),
) -> Approval:
    """Whose word is needed, or `PolicyRefused` with the first complaint of each form field.

    `held` is what the person holds there apart from our live grants `live`.
    """
    case = Case(ask, policy.terms(ask.place, ask.role), roster, now, held, live)
    complaints: dict[str, str] = {}
    for check in CHECKS:
        complaint = check(case)
        if complaint is not None:
            complaints.setdefault(*complaint)
    if complaints:
        raise PolicyRefused(complaints)
    approvers = approvers_of(case.terms, ask.place, roster, requester=ask.requester)
    return Approval(case.terms, approvers)


def authorize(policy: Policy, request: AccessRequest, by: EmailAddress, roster: Roster) -> None:
    """The one check whether this person's word counts for this request, for every path.

    Raises `NotAnApprover`.
    """
    if roster.is_same_person(by, request.requester):
        raise NotAnApprover("Nobody decides on their own request. Somebody else has to.")
    terms = policy.terms(request.place, request.role)
    if by not in approvers_of(terms, request.place, roster, requester=request.requester):
        raise NotAnApprover(
            f"Nothing changed: you are not among those who may decide on {request.role.name} "
            f"in {request.place}."
        )


def lapses_at(terms: Terms, *, now: datetime) -> datetime:
    """How long a request waits for its decision."""
    return now + timedelta(seconds=terms.pending_lapses_after)


def _place_field(place: Place) -> str:
    return "team" if isinstance(place, Team) else "role"
