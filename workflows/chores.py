"""What has to be done every so often, by whom, and how often: the list, on one screen.

A chore decides nothing by having run: what it finds, it finds in the database or in W&B, and what
it changes, it changes by conditional commits. It can be late, doubled, or cut off in the middle
(the leader is lost, the process is killed) without harm: the next run finds the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workflows.services import audit_chain, audit_heads, expiry, gate, reconcile, start, stuck
from workflows.services.deps import Deps

SWEEP = 2.0  # seconds between looks for ends and lapsed requests; the next known end wakes as well


@dataclass(frozen=True, slots=True)
class Chore:
    """`run` is called every so many seconds by one process at a time, by each if `everywhere`.

    A moment that it returns is when it is called once more, in between.
    """

    name: str
    every: float
    run: Callable[[Deps], object]
    everywhere: bool = False


def sweep(deps: Deps) -> datetime | None:
    """End what is over and close what nobody decided; when the next grant ends."""
    expiry.expire_due_grants(deps)
    expiry.lapse_overdue_requests(deps)
    return expiry.next_end(deps)


CHORES: tuple[Chore, ...] = (
    # Everywhere: ends wait for nobody's take-over, and two sweeps at once pass over each other.
    Chore("sweep", SWEEP, sweep, everywhere=True),
    Chore("beat", 10.0, start.beat),
    Chore("key", 5.0, gate.send_one),
    Chore("stuck", 30.0, stuck.tell),
    Chore("audit chain", 3.0, audit_chain.seal),
    Chore("audit head", 60.0, audit_heads.publish),
    Chore("reconcile", 600.0, reconcile.compare),
)
