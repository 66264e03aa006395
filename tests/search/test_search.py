"""The search as part of the suite: every single fault of every scene, and a share of the rest."""

from random import Random

import pytest

from tests.builders import ADMIN, EVE, VISION
from tests.search.__main__ import scene_named
from tests.search.explore import Explorer, Failure, replay
from tests.search.faults import Choice, Fault, choice_from_text
from tests.search.promises import Broken
from tests.search.scenes import SCENES
from tests.search.wander import broken_by, smallest, wander

NAMES = [scene.name for scene in SCENES]


@pytest.mark.parametrize("name", NAMES)
def test_no_fault_at_any_moment_and_no_two_together_break_a_promise(name: str, long: bool) -> None:
    pairs = None if long else 150  # of those, and every single fault
    found = Explorer(scene_named(name), depth=2, most=pairs, random=Random(name)).run()

    assert [str(failure) for failure in found.failures] == []
    assert found.histories[1] > 250
    assert found.histories[2] > found.histories[1]


@pytest.mark.parametrize("seed", range(20))
def test_no_long_history_breaks_a_promise(seed: int, long: bool) -> None:
    for one in range(seed, seed + (20_000 if long else 20), 20):
        assert wander(one) is None


def test_a_history_is_written_and_read_back() -> None:
    choice = Choice(12, 3, Fault.VERY_LATE)

    assert choice_from_text(str(choice)) == choice
    with pytest.raises(ValueError, match="there is no fault"):
        choice_from_text("1.2.NOTHING")


def test_a_history_is_replayed_step_by_step() -> None:
    scene = scene_named("new member")
    calm = [moments for _, moments in replay(scene, ())]
    crashed = [moments for _, moments in replay(scene, [Choice(0, 1, Fault.CRASH)])]

    assert len(crashed) == len(calm) + 1
    assert crashed[0] == calm[0][:2]


def test_what_fails_is_made_as_small_as_it_gets() -> None:
    scene = scene_named("denied and cancelled")
    needless = Choice(0, 1, Fault.CRASH)
    failure = Failure(scene.name, (needless,), "nothing")

    assert broken_by(scene, (needless,)) == ""
    assert smallest(scene, failure) == failure


def test_a_role_that_nobody_gave_is_noticed() -> None:
    broken = ""
    try:
        for machine, _ in replay(scene_named("new member"), ()):
            machine.world.inner.put(EVE, VISION, ADMIN)  # nobody's hand, and no grant
    except Broken as found:
        broken = str(found)

    assert broken.startswith("I1: eve@corp.example holds admin")
