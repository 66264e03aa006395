"""What people do, in order; nothing goes wrong in a scene by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tests.builders import (
    ADA,
    ADMIN,
    BOB,
    EVE,
    MEMBER,
    NOW,
    OLGA,
    ORGANIZATION,
    STEWARD,
    VIEWER,
    VISION,
    an_ask,
    terms,
)
from tests.search.world import KIM, World
from workflows.domain.durations import Permanent, Span
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.policy import Policy
from workflows.errors import Refused
from workflows.services import grants, requests
from workflows.services.deps import Deps

MIA = EmailAddress("mia@corp.example")  # has no account in W&B
TWO_WORDS = Policy(defaults=terms(approvals=2))
PERMANENT = Policy(defaults=terms(permanent=True))


@dataclass(frozen=True, slots=True)
class Stage:
    """What an act can use: the engine, the world, and which request is meant by which name."""

    deps: Deps
    world: World
    ids: dict[str, str]

    def id_of(self, name: str) -> str:
        """The request of this name. Raises `Refused` when the policy had something against it."""
        if name not in self.ids:
            raise Refused("It was never asked for.")
        return self.ids[name]


Doing = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody does something, so many minutes after the beginning."""

    at: timedelta
    do: Doing


@dataclass(frozen=True, slots=True)
class Scene:
    """A story with nothing wrong in it. `before`: who holds what at the beginning."""

    name: str
    acts: Sequence[Act]
    before: Mapping[tuple[EmailAddress, Place], Role] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)


def asks(
    name: str,
    role: Role = MEMBER,
    *,
    at: float = 0,
    minutes: int | None = 45,
    who: EmailAddress = EVE,
    place: Place = VISION,
) -> Act:
    """Somebody asks; the same form again is the same request."""
    duration = Permanent() if minutes is None else Span(minutes * 60)

    def do(stage: Stage) -> None:
        ask = an_ask(requester=who, place=place, role=role, duration=duration, origin=name)
        stage.ids[name] = requests.submit_request(stage.deps, ask).id

    return Act(timedelta(minutes=at), do)


def approves(name: str, by: EmailAddress = ADA, *, at: float = 1) -> Act:
    """An approver presses Approve."""

    def do(stage: Stage) -> None:
        requests.decide_request(stage.deps, stage.id_of(name), by=by, approved=True)

    return Act(timedelta(minutes=at), do)


def denies(name: str, by: EmailAddress = ADA, *, at: float = 1) -> Act:
    """An approver says no."""

    def do(stage: Stage) -> None:
        requests.decide_request(
            stage.deps, stage.id_of(name), by=by, approved=False, comment="not now"
        )

    return Act(timedelta(minutes=at), do)


def cancels(name: str, by: EmailAddress = EVE, *, at: float = 1) -> Act:
    """The requester takes it back."""

    def do(stage: Stage) -> None:
        requests.cancel_request(stage.deps, stage.id_of(name), by=by)

    return Act(timedelta(minutes=at), do)


def gives_back(name: str, by: EmailAddress = EVE, *, at: float) -> Act:
    """The person is done with it."""

    def do(stage: Stage) -> None:
        grants.give_back(stage.deps, stage.id_of(name), by=by)

    return Act(timedelta(minutes=at), do)


def extends(name: str, by: EmailAddress = ADA, *, at: float, to: float) -> Act:
    """An approver moves the end, to so many minutes after the beginning."""

    def do(stage: Stage) -> None:
        until = NOW + timedelta(minutes=to)
        grants.extend_grant(stage.deps, stage.id_of(name), until=until, by=by)

    return Act(timedelta(minutes=at), do)


def sets(who: EmailAddress, role: Role | None, *, at: float) -> Act:
    """An admin changes a role in the web app, knowing nothing of us."""

    def do(stage: Stage) -> None:
        stage.world.by_hand(who, VISION, role)

    return Act(timedelta(minutes=at), do)


SCENES: Sequence[Scene] = (
    Scene("new member", [asks("a"), approves("a")]),
    Scene("already a member", [asks("a", ADMIN), approves("a")], {(EVE, VISION): MEMBER}),
    Scene("raise", [asks("a", MEMBER), approves("a")], {(EVE, VISION): VIEWER}),
    Scene(
        "overlap",
        [
            asks("a", MEMBER, minutes=120),
            approves("a"),
            asks("b", ADMIN, at=10, minutes=60),
            approves("b", BOB, at=11),
        ],
    ),
    Scene(
        "lower later",
        [
            asks("a", ADMIN, minutes=60),
            approves("a"),
            asks("b", VIEWER, at=10, minutes=120),
            approves("b", BOB, at=61),  # in the minute in which the first one ends
        ],
    ),
    Scene("extended", [asks("a"), approves("a"), extends("a", BOB, at=30, to=90)]),
    Scene("extended too late", [asks("a"), approves("a"), extends("a", BOB, at=46, to=90)]),
    Scene("end early", [asks("a", minutes=240), approves("a"), gives_back("a", at=30)]),
    Scene("new person", [asks("a", who=MIA), approves("a")]),
    Scene("custom role", [asks("a", STEWARD), approves("a")], {(EVE, VISION): VIEWER}),
    Scene("custom role before", [asks("a", ADMIN), approves("a")], {(EVE, VISION): STEWARD}),
    Scene("organization role", [asks("a", ADMIN, place=ORGANIZATION), approves("a", OLGA)]),
    Scene(
        "two approvals",
        [asks("a"), approves("a"), approves("a", BOB, at=2)],
        policy=TWO_WORDS,
    ),
    Scene(
        "two people",
        [asks("a"), asks("b", ADMIN, who=KIM), approves("a"), approves("b", BOB)],
        {(KIM, VISION): VIEWER},
    ),
    Scene(
        "last admin",
        [
            asks("a", ADMIN),
            approves("a"),
            sets(ADA, None, at=20),
            sets(BOB, None, at=20),
            sets(ADA, ADMIN, at=75),
        ],
    ),
    Scene("denied and cancelled", [asks("a"), denies("a"), asks("b", at=5), cancels("b", at=6)]),
    Scene(
        "permanent, given back",
        [asks("a", minutes=None), approves("a"), gives_back("a", at=30)],
        {(EVE, VISION): VIEWER},
        PERMANENT,
    ),
)
