"""A W&B that refuses our key: for everybody or for some, to read or to write."""

from datetime import timedelta

from tests.builders import OLGA
from tests.services.rig import Rig
from tests.services.watched import watch
from workflows.domain.entitlements import EmailAddress, Place, Role
from workflows.domain.standings import Reading
from workflows.errors import DirectoryClosed
from workflows.ports import Alert
from workflows.services import gate

REFUSED = DirectoryClosed("W&B refuses our key (401); check WANDB_API_KEY.")
MAY_NOT = DirectoryClosed("W&B does not let our key manage users (403).", personal=True)
FAY, GUS = EmailAddress("fay@corp.example"), EmailAddress("gus@corp.example")
SECOND = timedelta(seconds=1)
HALF_A_MINUTE = timedelta(seconds=30)

ONE_ALARM = [("DirectoryRefusedKey", f"approver:{OLGA}")]
AND_ALL_CLEAR = [("DirectoryAcceptedKey", f"approver:{OLGA}"), *ONE_ALARM]


class Key:
    """What W&B makes of our key: `reads` and `writes` say for whom it is refused."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        watch(rig, self._read)
        set_role = rig.directory.set_role

        def refusing(
            person: EmailAddress, place: Place, role: Role | None, *, seen: Reading
        ) -> Reading:
            if self.writes & {person, "*"}:
                rig.directory.calls.append(("set_role", person, "refused"))
                raise MAY_NOT
            return set_role(person, place, role, seen=seen)

        rig.directory.set_role = refusing  # type: ignore[method-assign]  # for this test alone

    def _read(self, person: EmailAddress, account: str | None, reading: Reading) -> Reading:
        if self.reads & {person, "*"}:
            raise REFUSED
        return reading

    def calls(self) -> int:
        """How often W&B was asked about a person, or to change one."""
        asked = [one for one in self.rig.directory.calls if one[0] in ("read", "set_role")]
        return len(asked)


def a_key(rig: Rig) -> Key:
    """Eve, Fay and Gus, and a key that is taken."""
    for email in (FAY, GUS):
        rig.directory.add_person(email)
    rig.rosters.read()
    return Key(rig)


def step(rig: Rig, by: timedelta = HALF_A_MINUTE) -> None:
    """Let time pass, with what the leader does every so often."""
    rig.clock.advance(by)
    rig.tick()
    gate.send_one(rig.deps)
    rig.run()


def shown(rig: Rig, event: str) -> list[Alert]:
    """What the alerts of this kind show now."""
    every = (one.shows for one in rig.notifier.posted)
    return [one for one in every if isinstance(one, Alert) and one.event == event]
