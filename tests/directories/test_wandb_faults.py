"""Whatever W&B answers, at whichever call: one of our errors, and a second try that succeeds."""

import contextlib
from collections.abc import Callable

import pytest

from sandbox.wandb_faults import Fault
from tests.directories.contract import (
    ADA,
    EVE,
    VISION,
)
from tests.directories.wandb_rig import Rigs, WandbRig
from workflows.directories.wandb import WandbDirectory
from workflows.domain.entitlements import MEMBER
from workflows.errors import AccessError, DirectoryUnavailable

_BREAKS: list[tuple[str, Callable[[int], Fault]]] = [
    ("429", lambda skip: Fault(skip=skip, status=429, headers={"Retry-After": "7"})),
    ("500", lambda skip: Fault(skip=skip, status=500)),
    ("502", lambda skip: Fault(skip=skip, status=502, phase="after")),
    ("401", lambda skip: Fault(skip=skip, status=401)),
    ("404", lambda skip: Fault(skip=skip, status=404)),
    ("409", lambda skip: Fault(skip=skip, status=409)),
    ("412", lambda skip: Fault(skip=skip, status=412)),
    ("lost", lambda skip: Fault(skip=skip, drop_answer_after_apply=True)),
    ("truncated", lambda skip: Fault(skip=skip, truncated=True)),
    ("types", lambda skip: Fault(skip=skip, wrong_type=True)),
    ("null", lambda skip: Fault(skip=skip, status=200, answer=b"null")),
    ("object", lambda skip: Fault(skip=skip, status=200, answer=b"{}")),
    ("twice", lambda skip: Fault(skip=skip, deliver_twice=True)),
    ("ignored", lambda skip: Fault(skip=skip, ignored_write=True)),
]


@pytest.mark.parametrize("profile", ["newest-st", "st-0.79"])
@pytest.mark.parametrize("fault", [each[1] for each in _BREAKS], ids=[each[0] for each in _BREAKS])
def test_any_fault_at_any_call_is_one_of_our_errors_and_a_second_try_succeeds(
    rigs: Rigs, profile: str, fault: Callable[[int], Fault]
) -> None:
    for skip in range(10):
        rig = rigs(profile)
        rig.person(ADA)
        rig.team("vision", {ADA: "admin"})
        rig.steward()
        directory = rig.directory
        rig.api.faults.add(fault(skip))

        with contextlib.suppress(AccessError):
            _give_membership(directory)
        rig.api.faults.clear()
        _give_membership(directory)

        assert rig.really(EVE, VISION) == "member"
        assert rig.really(ADA, VISION) == "admin"
        assert directory.roster().find_person(EVE) is not None


def _give_membership(directory: WandbDirectory) -> None:
    directory.roster()
    account = directory.invite(EVE)
    seen = directory.read(EVE, VISION, account=account)
    directory.set_role(EVE, VISION, MEMBER, seen=seen)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=502),
        Fault(hang=60.0),
        Fault(reset=True),
        Fault(truncated=True),
        Fault(wrong_type=True),
        Fault(status=302, headers={"Location": "https://elsewhere.example/"}),
    ],
    ids=["500", "502 in HTML", "time-out", "reset", "truncated", "wrong types", "redirect"],
)
def test_whatever_breaks_while_reading_is_unavailable(rig: WandbRig, fault: Fault) -> None:
    rig.api.faults.add(fault)

    with pytest.raises(DirectoryUnavailable):
        rig.directory.read(EVE, VISION, account=None)

    assert rig.directory.read(EVE, VISION, account=None).account is not None
