"""The pairs that matter most, at the same moment: threads and processes, on both databases.

A few by default; `--long` plays each of them a thousand times each way.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.builders import BOB
from tests.services.racing import (
    DONE,
    NOTHING,
    AtOnce,
    Subject,
    add_people,
    in_processes,
    in_threads,
)
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.limits import Limits
from workflows.domain.policy import Policy
from workflows.storage.database import Database

pytestmark = pytest.mark.no_cover  # being traced takes twice as long

PAIRS = 1000  # of each race, each way, on each database, when there is time
A_FEW = 15
ENOUGH_PROCESSES = 40  # starting two of them costs more than forty pairs


@dataclass(frozen=True, slots=True)
class Race:
    """Two sides, and the facts of which exactly one is true in the end."""

    sides: tuple[str, str]
    facts: frozenset[str]
    granted: bool = False  # whether there is a grant already


RACES = {
    "approve with approve": Race(("Ada approves", "Bob approves"), frozenset({"RequestApproved"})),
    "approve with deny": Race(
        ("Ada approves", "Bob denies"), frozenset({"RequestApproved", "RequestDenied"})
    ),
    "approve with cancel": Race(
        ("Ada approves", "the requester cancels"),
        frozenset({"RequestApproved", "RequestCancelled"}),
    ),
    "extend with the end": Race(
        ("Ada extends", "the clock ends it"),
        frozenset({"GrantExtended", "GrantExpired"}),
        granted=True,
    ),
}


def subjects_of(rig: Rig, race: Race, count: int) -> list[Subject]:
    """A request for each pair, and a grant where the race needs one; no two end together."""
    rig.rewire(policy=Policy(limits=Limits(pending_per_team=count)))
    subjects = []
    for number, person in enumerate(add_people(rig, count)):
        seconds = 900 + 60 * number
        id = rig.submit(requester=person, duration=Span(seconds)).id
        if race.granted:
            rig.approve(id, BOB)
        subjects.append(Subject(id, person, rig.clock.now + timedelta(seconds=seconds)))
    return subjects


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("at_once", "few"),
    [(in_threads, A_FEW), (in_processes, ENOUGH_PROCESSES)],
    ids=["threads", "processes"],
)
@pytest.mark.parametrize("race", RACES.values(), ids=RACES.keys())
def test_of_two_at_once_one_counts_and_the_other_is_told(
    rig: Rig,
    database: Database,
    database_url: str,
    race: Race,
    at_once: AtOnce,
    few: int,
    long: bool,
) -> None:
    subjects = subjects_of(rig, race, PAIRS if long else few)

    first, second = at_once(database, database_url, race.sides, subjects)

    facts = defaultdict(list)
    for entry in rig.audit():
        facts[entry.subject].append(entry.event)
    for subject, *outcomes in zip(subjects, first, second, strict=True):
        assert sorted(outcomes) in [["AlreadySettled", DONE], [DONE, NOTHING]]
        (fact,) = [name for name in facts[subject.id] if name in race.facts]
        granted = race.granted or fact == "RequestApproved"
        assert facts[subject.id].count("GrantIssued") == int(granted)
        if granted:
            assert len(rig.grant(subject.id).approvers) == 1
