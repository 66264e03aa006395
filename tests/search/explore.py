"""Fault search: go through the histories of one scene; every single fault, then pairs, then more.

What is real: use cases, worker, outbox, storage on SQLite in memory. What stands in: the clock,
W&B, Slack. A scene is what people do; a fault is what goes wrong, or what somebody else does, at
one moment of one step.

A history is a list of faults, each at one moment of one step. Steps are deterministic, so what
follows from a state is the same by whatever history it was reached: states that are alike are
explored once, and count for every history that leads there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.search.alike import digest
from tests.search.faults import Choice, Fault, choices
from tests.search.machine import Machine, Saved
from tests.search.promises import Broken
from tests.search.scenes import Scene

ENDLESS = 400  # steps; the longest story has about thirty

History = tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A promise that was not kept, and the history that shows it."""

    scene: str
    history: History
    what: str

    def __str__(self) -> str:
        return f"{self.scene}: {' '.join(map(str, self.history)) or 'no fault'}\n    {self.what}"


@dataclass(slots=True)
class Found:
    """What a search has gone through. `histories` by their number of faults, as far as all of them
    were covered; `steps` that were really run, `alike` states that were known already.
    """

    scene: str
    failures: list[Failure] = field(default_factory=list)
    steps: int = 0
    faulted: int = 0
    alike: int = 0
    histories: dict[int, int] = field(default_factory=dict)
    left_out: int = 0


@dataclass(slots=True)
class _Node:
    """A state at the end of a step, which is `saved` as long as something is to follow from it.

    `calm`: what follows without a fault, by way of these `moments`; `hit`: what follows with one.
    """

    saved: Saved | None
    history: History
    moments: Sequence[str] = ()
    calm: "_Node | None" = None
    hit: "list[_Node] | None" = None
    broken: bool = False


class Explorer:
    """Explores one scene. All single faults, always; `most` bounds the faulted steps of each layer
    after them, and then `random` picks.
    """

    def __init__(
        self, scene: Scene, *, depth: int, most: int | None = None, random: Random | None = None
    ) -> None:
        self._machine = Machine(scene)
        self._depth = depth
        self._most = most
        self._random = random or Random(0)
        self._known: dict[bytes, _Node] = {}
        self.found = Found(scene.name)

    def run(self) -> Found:
        """All histories with at most `depth` faults, or as many as `most` allows."""
        root = _Node(self._machine.save(), ())
        layer = [root]
        for depth in range(self._depth + 1):
            layer = self._to_the_end(layer, last=depth == self._depth)
            if depth < self._depth:
                layer = self._hit_all(layer, self._most if depth else None)
        self.found.histories = {
            faults: _histories(root, faults) for faults in range(self._depth + 1)
        }
        return self.found

    def _to_the_end(self, nodes: Sequence[_Node], *, last: bool) -> list[_Node]:
        """Let each go on without a fault; every state on the way that was not known before.

        `last`: nothing else is to follow from them.
        """
        new: list[_Node] = []
        for start in nodes:
            node: _Node | None = start
            while node is not None and not node.broken:
                new.append(node)
                if node.calm is not None:
                    break
                following = self._calm(node)
                if last:
                    node.saved = None
                node = following
        return new

    def _calm(self, node: _Node) -> _Node | None:
        assert node.saved is not None
        self._machine.load(node.saved)
        after = self._step(node.history, {})
        if after is None:
            return None
        node.moments = self._machine.moments
        after, is_new = self._known_or(after)
        node.calm = after
        return after if is_new else None

    def _hit_all(self, nodes: Sequence[_Node], most: int | None) -> list[_Node]:
        """Every fault at every moment of the step that follows each of these states."""
        todo, new = list(nodes), list[_Node]()
        if most is not None:
            self._random.shuffle(todo)
        until = self.found.faulted + most if most is not None else None
        for number, node in enumerate(todo):
            if until is not None and self.found.faulted >= until:
                self.found.left_out += len(todo) - number
                break
            new += self._hit(node)
        return new

    def _hit(self, node: _Node) -> Iterator[_Node]:
        assert node.saved is not None
        node.hit = []
        for choice in choices(node.saved.steps, node.moments):
            self._machine.load(node.saved)
            self.found.faulted += 1
            after = self._step((*node.history, choice), {choice.moment: choice.fault})
            if after is None:
                continue
            known, is_new = self._known_or(after)
            node.hit.append(known)
            if is_new:
                yield known
        node.saved = None

    def _step(self, history: History, planned: Mapping[int, Fault]) -> _Node | None:
        """One step; the state after it, or None when nothing was left to happen."""
        machine = self._machine
        self.found.steps += 1
        try:
            if machine.step(planned) is None:
                machine.promises.hold_in_the_end()
                return None
            machine.promises.hold()
            if machine.steps > ENDLESS:
                raise Broken("I12: it never comes to an end")
        except Broken as broken:
            self.found.failures.append(Failure(machine.scene.name, history, str(broken)))
            return _Node(None, history, broken=True)
        return _Node(machine.save(), history)

    def _known_or(self, node: _Node) -> tuple[_Node, bool]:
        if node.broken:
            return node, False
        name = digest(self._machine)
        known = self._known.get(name)
        if known is not None:
            self.found.alike += 1
            return known, False
        self._known[name] = node
        return node, True


def _histories(root: _Node, faults: int) -> int:
    """How many histories with so many faults were covered: the ways through what was explored."""
    known: dict[tuple[int, int], int] = {}
    todo: list[tuple[_Node, int]] = [(root, faults)]
    while todo:
        node, left = todo[-1]
        if (id(node), left) in known:
            todo.pop()
            continue
        following = [(node.calm, left)] if node.calm is not None else []
        following += [(each, left - 1) for each in node.hit or () if left]
        unknown = [(each, rest) for each, rest in following if (id(each), rest) not in known]
        if unknown:
            todo += unknown
            continue
        if left == 0:
            known[id(node), left] = 1
        else:
            known[id(node), left] = sum(known[id(each), rest] for each, rest in following)
        todo.pop()
    return known[id(root), faults]


def replay(scene: Scene, history: Sequence[Choice]) -> Iterator[tuple[Machine, list[str]]]:
    """Go through one history, step by step, and check as the search does. Raises `Broken`."""
    machine = Machine(scene)
    while True:
        planned = {one.moment: one.fault for one in history if one.step == machine.steps}
        moments = machine.step(planned)
        if moments is None:
            machine.promises.hold_in_the_end()
            return
        yield machine, moments
        machine.promises.hold()
        if machine.steps > ENDLESS:
            raise Broken("I12: it never comes to an end")
