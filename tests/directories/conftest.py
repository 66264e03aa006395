"""A W&B of any flavour with the directory on it; every one that a test made is closed after it."""

from collections.abc import Iterator

import pytest

from sandbox.wandb_profile import PROFILES
from tests.directories.contract import (
    ADA,
    BOB,
    EVE,
    OLGA,
)
from tests.directories.wandb_rig import Rigs, WandbRig


@pytest.fixture
def rigs() -> Iterator[Rigs]:
    made: list[WandbRig] = []

    def make(profile: str = "newest-st") -> WandbRig:
        shows = PROFILES[profile].get_returns_roles == "all"
        made.append(WandbRig(profile, shows_roles=shows))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(rigs: Rigs) -> WandbRig:
    rig = rigs("newest-st")
    for email in (ADA, BOB, EVE):
        rig.person(email)
    rig.person(OLGA, org_role="admin")
    rig.team("vision", {ADA: "admin", BOB: "viewer"})
    rig.team("speech", {ADA: "admin", BOB: "admin"})
    rig.directory.roster()
    rig.seen()
    return rig
