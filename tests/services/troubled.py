"""Worlds in which something is stuck."""

from datetime import timedelta

from tests.builders import ADA, ADMIN, BOB, EVE, HOUR, MEMBER, VISION
from tests.services.rig import Rig
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress
from workflows.domain.standings import standing_key
from workflows.domain.stuck import StuckItem
from workflows.errors import DirectoryUnavailable
from workflows.ports import Alert
from workflows.services import stuck

MINUTE = timedelta(minutes=1)
DOWN = DirectoryUnavailable("W&B has trouble (503).")
EVE_IN_VISION = standing_key(EVE, VISION)


class Down:
    """W&B that answers nobody while `down`."""

    def __init__(self, rig: Rig) -> None:
        self.down = True
        read = rig.directory.read

        def maybe(*given: object, **more: object) -> object:
            if self.down:
                raise DOWN
            return read(*given, **more)  # type: ignore[arg-type]  # handed on as it came

        rig.directory.read = maybe  # type: ignore[assignment, method-assign]  # for this test alone


def listed(rig: Rig) -> list[StuckItem]:
    with rig.work.look() as work:
        return stuck.listed(work, now=rig.clock())


def people(rig: Rig, count: int) -> list[EmailAddress]:
    every = [EmailAddress(f"p{next(rig.numbers)}@corp.example") for _ in range(count)]
    for email in every:
        rig.directory.add_person(email)
    rig.rosters.read()
    return every


def an_end_that_is_stuck(rig: Rig) -> str:
    """Eve's admin role is over, and she is the last admin."""
    id = rig.approved(role=ADMIN, duration=Span(3600))
    rig.run()
    for email in (ADA, BOB):
        rig.directory.put(email, VISION, MEMBER)
    rig.rosters.read()
    rig.wait(HOUR)
    rig.wait(3 * MINUTE)
    return id


def a_leftover(rig: Rig) -> Down:
    """A write that timed out may have landed after its end, and W&B is down over the looks."""
    rig.approved(duration=Span(3600))
    rig.directory.fail_next(DirectoryUnavailable("timeout"), on="set_role")
    rig.run()
    rig.wait(HOUR)
    down = Down(rig)
    for _ in range(24):
        rig.wait(timedelta(seconds=15))
    return down


def shown(rig: Rig, event: str) -> list[Alert]:
    every = (one.shows for one in rig.notifier.posted)
    return [one for one in every if isinstance(one, Alert) and one.event == event]
