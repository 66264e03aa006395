"""Long histories by seed: days of two people, three admins, and everything that can go wrong.

What fails is made smaller: faults and acts are left out as long as it still fails.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from tests.builders import ADA, ADMIN, BOB, EVE, MEMBER, STEWARD, VIEWER, VISION
from tests.search.explore import ENDLESS, Failure, History, replay
from tests.search.faults import Choice, choices
from tests.search.machine import Machine
from tests.search.promises import Broken
from tests.search.scenes import MIA, Act, Scene, approves, asks, cancels, denies, gives_back
from workflows.domain.entitlements import Role

ROLES = (VIEWER, MEMBER, ADMIN, STEWARD)
BEFORE: Sequence[Role | None] = (None, VIEWER, MEMBER, STEWARD)
REQUESTS = 6
CHANCE = 0.25  # that a step meets a fault


def scene_of(seed: int) -> Scene:
    """Somebody asks for something every half hour or so, and somebody decides."""
    random = Random(seed)
    acts: list[Act] = []
    for number in range(random.randint(2, REQUESTS)):
        who = random.choice((EVE, EVE, MIA))
        at = random.randrange(0, 24 * 60, 10)
        name = f"r{number}"
        minutes = random.choice((15, 60, 240))
        acts.append(asks(name, random.choice(ROLES), at=at, minutes=minutes, who=who))
        decides = random.choice((approves, approves, approves, approves, denies, cancels))
        acts.append(
            cancels(name, who, at=at + 1)
            if decides is cancels
            else decides(name, random.choice((ADA, BOB)), at=at + 1)
        )
        if random.random() < 0.3:
            acts.append(gives_back(name, who, at=at + random.randint(2, minutes + 20)))
    held = random.choice(BEFORE)
    before = {(EVE, VISION): held} if held else {}
    return Scene(f"seed {seed}", sorted(acts, key=lambda act: act.at), before)


def wander(seed: int, *, most: int = 12) -> Failure | None:
    """One long history with at most so many faults; what it broke, made as small as it gets."""
    scene, random = scene_of(seed), Random(-seed - 1)
    machine, history = Machine(scene), list[Choice]()
    try:
        while True:
            saved = machine.save()
            moments = machine.step()
            possible = list(choices(saved.steps, moments or ()))
            if possible and len(history) < most and random.random() < CHANCE:
                choice = random.choice(possible)
                history.append(choice)
                machine.load(saved)
                moments = machine.step({choice.moment: choice.fault})
            if moments is None:
                machine.promises.hold_in_the_end()
                return None
            machine.promises.hold()
            if machine.steps > ENDLESS:
                raise Broken("I12: it never comes to an end")
    except Broken as broken:
        return smallest(scene, Failure(scene.name, tuple(history), str(broken)))


def smallest(scene: Scene, failure: Failure) -> Failure:
    """The failure with nothing in it that can be left out."""
    acts, history = list(scene.acts), failure.history
    smaller = True
    while smaller:
        smaller = False
        for fewer in _without_one(history):
            broken = broken_by(replace(scene, acts=acts), fewer)
            if broken:
                history, smaller = fewer, True
                failure = Failure(scene.name, history, broken)
                break
        for number in range(len(acts)):
            less = acts[:number] + acts[number + 1 :]
            broken = broken_by(replace(scene, acts=less), history)
            if broken:
                acts, smaller = less, True
                failure = Failure(scene.name, history, broken)
                break
    return failure


def _without_one(history: History) -> list[History]:
    return [history[:number] + history[number + 1 :] for number in range(len(history))]


def broken_by(scene: Scene, history: History) -> str:
    """The promise that this history breaks; empty when it breaks none, or makes no sense."""
    try:
        for _ in replay(scene, history):
            pass
    except Broken as broken:
        return str(broken)
    return ""
