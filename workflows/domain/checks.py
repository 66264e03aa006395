"""What may be said against an ask, one check a function; and whether nothing is.

Each check looks at the ask, its terms and the roster, and returns a complaint for one field of the
form, in words for the person, or nothing. A new rule about asking is a function here and its name
in `CHECKS`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from workflows.domain import durations
from workflows.domain.durations import Permanent, Span, Until, words_of
from workflows.domain.entitlements import (
    EmailAddress,
    Organization,
    Place,
    Rank,
    Role,
    Team,
)
from workflows.domain.grants import Grant
from workflows.domain.policy import Approval, Policy, Terms, approvers_of, different_people
from workflows.domain.requests import Ask
from workflows.domain.roster import Roster
from workflows.errors import PolicyRefused

MAX_REASON = 1000  # characters; escaped five-fold it still fits into two Slack sections of 3,000


@dataclass(frozen=True, slots=True)
class Case:
    """All that a check may look at."""

    ask: Ask
    terms: Terms
    roster: Roster
    now: datetime
    held: Role | None
    live: Sequence[Grant]
    approvers: Mapping[EmailAddress, str]  # everybody whose word would count, and why


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


def is_role_known(case: Case) -> Complaint | None:
    """What is held now can be read; else it could not be put back at the end."""
    if case.live or not case.roster.hides_role(case.ask.requester, case.ask.place):
        return None
    return _place_field(case.ask.place), (
        f"W&B does not show me which role you have in {case.ask.place} now, so I could not put it "
        "back at the end. Ask whoever runs W&B to let SCIM answer with `teamRoles` and "
        "`organizationRole` (server 0.50.2 and newer)."
    )


def is_not_held_already(case: Case) -> Complaint | None:
    """Neither what the person holds anyway nor a live grant gives all of it."""
    role, place = case.ask.role, case.ask.place
    if case.held is not None and case.held.covers(role):
        return "role", f"You already have {case.held.name} in {place}."
    end = durations.ends_at(case.ask.duration, approved_at=case.now)
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
            f"The reason has {len(case.ask.reason):,} characters; say it in at most {MAX_REASON:,}."
        )
    return None


def somebody_else_can_decide(case: Case) -> Complaint | None:
    """Enough different people are there to ask, besides the person who asks."""
    place = case.ask.place
    there = different_people(case.approvers, case.roster)
    if there >= case.terms.approvals:
        return None
    field = _place_field(place)
    if not there and _hides_roles(case.roster, place):
        return field, (
            f"W&B shows me nobody else who can decide on this in {place}, but it does not "
            "show me everybody's role there either. Ask a W&B organization admin to let SCIM "
            "answer with `teamRoles` (server 0.50.2 and newer), or to name somebody who can."
        )
    if not there:
        return field, (
            f"Nobody else can decide on this in {place}. "
            "Ask a W&B organization admin to name somebody who can."
        )
    return field, (
        f"This needs {case.terms.approvals} approvals, and only {there} "
        f"{'person' if there == 1 else 'people'} besides you may give one. "
        "Ask a W&B organization admin to name more."
    )


def _hides_roles(roster: Roster, place: Place) -> bool:
    """Whether W&B leaves open what somebody holds there, who could be the one to ask."""
    match place:
        case Team(name):
            team = roster.find_team(name)
            return team is not None and None in team.roles.values()
        case Organization():
            return any(person.organization_role is None for person in roster.people.values())
        case _:
            assert_never(place)


CHECKS: tuple[Check, ...] = (
    is_known_place_and_role,
    may_be_asked_for,
    has_usable_account,
    is_role_known,
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
    terms = policy.terms(ask.place, ask.role)
    approvers = approvers_of(terms, ask.place, roster, requester=ask.requester)
    case = Case(ask, terms, roster, now, held, live, approvers)
    complaints: dict[str, str] = {}
    for check in CHECKS:
        complaint = check(case)
        if complaint is not None:
            complaints.setdefault(*complaint)
    if complaints:
        raise PolicyRefused(complaints)
    return Approval(terms, approvers)


def _place_field(place: Place) -> str:
    return "team" if isinstance(place, Team) else "role"
