"""Domain objects with a default for everything: a test names only what it is about.

Eve asks, Ada and Bob are admins of the team `vision`, Olga is the organization's admin.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from workflows.domain.durations import Duration, Span
from workflows.domain.entitlements import (
    ADMIN,
    MEMBER,
    VIEWER,
    EmailAddress,
    Organization,
    Place,
    Role,
    Team,
    custom_role,
)
from workflows.domain.grants import Grant, GrantStatus
from workflows.domain.policy import Terms
from workflows.domain.requests import AccessRequest, Ask, Decision, RequestStatus
from workflows.domain.roster import Roster, RosterPerson, RosterTeam
from workflows.domain.standings import Reading, Standing

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)  # a Tuesday
HOUR = timedelta(hours=1)

EVE = EmailAddress("eve@corp.example")
ADA = EmailAddress("ada@corp.example")
BOB = EmailAddress("bob@corp.example")
OLGA = EmailAddress("olga@corp.example")

VISION = Team("vision")
ORGANIZATION = Organization()
STEWARD = custom_role("Release Steward", "member")


def an_ask(
    *,
    requester: EmailAddress = EVE,
    place: Place = VISION,
    role: Role = MEMBER,
    duration: Duration = Span(8 * 3600),  # noqa: B008  # frozen
    reason: str = "to look at the sweep",
    origin: str = "form-1",
) -> Ask:
    """Eve asks for member in vision, for eight hours."""
    return Ask(requester, place, role, duration, reason, origin)


def a_request(
    *,
    id: str = "r-1",
    requester: EmailAddress = EVE,
    place: Place = VISION,
    role: Role = MEMBER,
    duration: Duration = Span(8 * 3600),  # noqa: B008  # frozen
    reason: str = "to look at the sweep",
    origin: str = "form-1",
    held: Role | None = None,
    invites: bool = False,
    rule: str = "defaults",
    needed: int = 1,
    created_at: datetime = NOW,
    lapses_at: datetime = NOW + timedelta(days=3),
    status: RequestStatus = RequestStatus.PENDING,
    decisions: tuple[Decision, ...] = (),
    settled_at: datetime | None = None,
    settled_by: str = "",
    note: str = "",
    version: int = 0,
) -> AccessRequest:
    """Eve's request, pending unless told otherwise."""
    return AccessRequest(
        id=id,
        requester=requester,
        place=place,
        role=role,
        duration=duration,
        reason=reason,
        origin=origin,
        held=held,
        invites=invites,
        rule=rule,
        needed=needed,
        created_at=created_at,
        lapses_at=lapses_at,
        status=status,
        decisions=decisions,
        settled_at=settled_at,
        settled_by=settled_by,
        note=note,
        version=version,
    )


def a_grant(
    *,
    id: str = "r-1",
    person: EmailAddress = EVE,
    place: Place = VISION,
    role: Role = MEMBER,
    approvers: tuple[EmailAddress, ...] = (ADA,),
    invites: bool = False,
    rule: str = "defaults",
    issued_at: datetime = NOW,
    ends_at: datetime | None = NOW + 8 * HOUR,
    status: GrantStatus = GrantStatus.ISSUED,
    activated_at: datetime | None = None,
    over_at: datetime | None = None,
    ended_by: str = "",
    note: str = "",
    stuck: str = "",
    version: int = 0,
) -> Grant:
    """Eve's grant, just issued unless told otherwise."""
    return Grant(
        id=id,
        person=person,
        place=place,
        role=role,
        approvers=approvers,
        invites=invites,
        rule=rule,
        issued_at=issued_at,
        ends_at=ends_at,
        status=status,
        activated_at=activated_at,
        over_at=over_at,
        ended_by=ended_by,
        note=note,
        stuck=stuck,
        version=version,
    )


def a_person(
    email: EmailAddress = EVE,
    *,
    account: str = "",
    emails: tuple[EmailAddress, ...] = (),
    active: bool = True,
    organization_role: Role | None = MEMBER,
) -> RosterPerson:
    """An active human account, `u-eve` for `eve@corp.example`."""
    name = email.partition("@")[0]
    return RosterPerson(
        account=account or f"u-{name}",
        username=name,
        name=name.title(),
        email=email,
        emails=frozenset((email, *emails)),
        active=active,
        organization_role=organization_role,
    )


def a_team(name: str = "vision", roles: Mapping[str, Role | None] | None = None) -> RosterTeam:
    """A team with two admins, Ada and Bob."""
    if roles is None:
        roles = {"u-ada": ADMIN, "u-bob": ADMIN}
    return RosterTeam(id=f"t-{name}", name=name, roles=roles)


def a_roster(
    *more: RosterPerson,
    teams: tuple[RosterTeam, ...] = (),
    groups: Mapping[str, frozenset[EmailAddress]] | None = None,
    without: tuple[EmailAddress, ...] = (),
    read_at: datetime = NOW,
) -> Roster:
    """Eve, Ada, Bob and Olga, the team vision, and whoever is given besides or in their place."""
    people = (a_person(), a_person(ADA), a_person(BOB), a_person(OLGA, organization_role=ADMIN))
    kept = (one for one in (*people, *more) if one.email not in without or one in more)
    return Roster(
        read_at=read_at,
        people={one.account: one for one in kept},
        teams={team.name: team for team in (a_team(), *teams)},
        custom_roles={STEWARD.name: STEWARD},
        groups=groups or {},
    )


def a_standing(
    *,
    person: EmailAddress = EVE,
    place: Place = VISION,
    account: str | None = "u-eve",
    noted: bool = False,
    prior: Role | None = None,
    prior_at: datetime | None = None,
    last_seen: Role | None = None,
    unanswered: tuple[Role | None, ...] = (),
    others: Mapping[str, str] | None = None,
    drift: str = "",
    overruled_at: datetime | None = None,
    last_end_at: datetime | None = None,
    version: int = 0,
) -> Standing:
    """Eve in vision: nothing there before, nothing sent."""
    return Standing(
        person=person,
        place=place,
        account=account,
        noted=noted,
        prior=prior,
        prior_at=prior_at,
        last_seen=last_seen,
        unanswered=unanswered,
        others=others,
        drift=drift,
        overruled_at=overruled_at,
        last_end_at=last_end_at,
        version=version,
    )


def a_reading(
    *,
    account: str | None = "u-eve",
    active: bool = True,
    human: bool = True,
    held: Role | None = None,
    exact: bool = True,
    others: Mapping[str, str] | None = None,
    tag: str | None = None,
) -> Reading:
    """W&B says: an active human, not in the team."""
    return Reading(account, active, human, held, exact, others, tag)


def terms(**changes: object) -> Terms:
    """The built-in terms, but for what is given."""
    return Terms(**changes)  # type: ignore[arg-type]  # a wrong name or kind fails in the test


__all__ = [
    "ADA",
    "ADMIN",
    "BOB",
    "EVE",
    "HOUR",
    "MEMBER",
    "NOW",
    "OLGA",
    "ORGANIZATION",
    "STEWARD",
    "VIEWER",
    "VISION",
    "a_grant",
    "a_person",
    "a_reading",
    "a_request",
    "a_roster",
    "a_standing",
    "a_team",
    "an_ask",
    "terms",
]
