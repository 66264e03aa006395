"""The policy file: YAML → `Policy`, or every mistake in it at once, each with its line.

`nodes` reads the YAML, `values` what stands behind each key; here they become rules.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from workflows.domain.durations import short_of
from workflows.domain.limits import Limits
from workflows.domain.policy import NamedPerson, Policy, Rule, Terms
from workflows.policy_file.mistakes import Mistake, PolicyFileError
from workflows.policy_file.nodes import compose
from workflows.policy_file.shadows import warnings
from workflows.policy_file.values import (
    COVERS,
    LIMITS,
    TERMS,
    Wrong,
    count,
    enforces,
    nearest,
    shown,
    text,
    version,
)

__all__ = ["Mistake", "PolicyFileError", "load", "parse", "warnings"]

T = TypeVar("T")
Pairs = Mapping[str, tuple[int, yaml.Node]]  # key → its line and its value

MAX_BYTES = 256 * 1024
MAX_RULES = 1000
TOP = ("version", "drift", "defaults", "limits", "rules")
RULE = ("name", *COVERS, *TERMS)
_SPANS = ("min_duration", "default_duration", "max_duration")
_TOO_LONG = Mistake(0, f"It is longer than {MAX_BYTES // 1024} KiB; a policy never needs that.")


def load(path: Path | None) -> Policy:
    """Read the policy file; None: there is none, and the built-in defaults hold.

    Raises `PolicyFileError`, also for a file that cannot be read.
    """
    if path is None:
        return Policy()
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        sentence = f"It cannot be read: {error.strerror or error}."
        raise PolicyFileError((Mistake(0, sentence),), path=path) from error
    try:
        return parse(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        mistake = Mistake(line, "This is not UTF-8 text. Save the file as UTF-8.")
        if len(raw) > MAX_BYTES:  # cut in the middle of a character
            mistake = _TOO_LONG
        raise PolicyFileError((mistake,), path=path) from error
    except PolicyFileError as error:
        raise PolicyFileError(error.mistakes, path=path) from error


def parse(text: str) -> Policy:
    """Read a policy from YAML text. Raises `PolicyFileError` with every mistake in it."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise PolicyFileError((_TOO_LONG,))
    reader = _Reader()
    policy = reader.policy(compose(text.removeprefix("\ufeff")))
    if reader.mistakes:
        raise PolicyFileError(reader.mistakes)
    return policy


class _Reader:
    """Walks the nodes and keeps every mistake that it meets."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self._names: dict[str, int] = {}  # a rule's name → its line

    def policy(self, root: yaml.Node | None) -> Policy:
        """The whole file; worth something only if there are no mistakes."""
        pairs = self._pairs(root, TOP, line=1)
        if isinstance(root, yaml.MappingNode) and "version" not in pairs:
            self._note(1, "`version: 1` is missing.")
        self._one("version", pairs, version)
        defaults = Terms()
        if "defaults" in pairs and not _is_null(pairs["defaults"][1]):
            line, node = pairs["defaults"]
            defaults = self._terms(self._pairs(node, tuple(TERMS), line=line), defaults)
        rules = tuple(self._rule(node, defaults) for node in self._rules(pairs))
        enforced = bool(self._one("drift", pairs, enforces))
        return Policy(defaults, rules, self._limits(pairs), enforced)

    def _limits(self, pairs: Pairs) -> Limits:
        if "limits" not in pairs or _is_null(pairs["limits"][1]):
            return Limits()
        line, node = pairs["limits"]
        given = self._pairs(node, LIMITS, line=line)
        said = {key: self._one(key, given, count) for key in LIMITS}
        return replace(Limits(), **{key: value for key, value in said.items() if value})

    def _rules(self, pairs: Pairs) -> list[yaml.Node]:
        line, node = pairs.get("rules", (0, None))
        if node is None or _is_null(node):
            return []
        if not isinstance(node, yaml.SequenceNode):
            self._note(line, "`rules`: write a list, each rule beginning with `- name:`.")
            return []
        if len(node.value) > MAX_RULES:
            self._note(line, f"`rules`: {len(node.value)} are too many; at most {MAX_RULES}.")
            return []
        return list(node.value)

    def _rule(self, node: yaml.Node, defaults: Terms) -> Rule:
        line = node.start_mark.line + 1
        pairs = self._pairs(node, RULE, line=line)
        name = self._one("name", pairs, text)
        if name is None:
            if "name" not in pairs:
                self._note(line, "a rule needs a `name`: people and the audit log are told it.")
        elif name == "defaults":
            self._note(line, "`name`: “defaults” is what the defaults are called; take another.")
        elif name in self._names:
            self._note(line, f"`name`: {shown(name)} is the rule in line {self._names[name]}.")
        self._names.setdefault(name or "", line)
        terms = self._terms(pairs, replace(defaults, rule=name or ""))
        teams, roles, organization_roles = (
            self._many(key, pairs, read) for key, read in COVERS.items()
        )
        return Rule(teams=teams, roles=roles, organization_roles=organization_roles, terms=terms)

    def _terms(self, pairs: Pairs, inherited: Terms) -> Terms:
        said: dict[str, Any] = {}
        for key, (name, read) in TERMS.items():
            value = (self._many if key == "approvers" else self._one)(key, pairs, read)
            if value is not None:
                said[name] = value
        terms = replace(inherited, **said)
        if "default_duration" not in said:  # only what a form begins with: fitted in
            fitted = max(terms.min_duration, min(terms.default_duration, terms.max_duration))
            terms = replace(terms, default_duration=fitted)
        self._check_order(terms, pairs, said)
        self._check_enough(terms, pairs)
        return terms

    def _check_order(self, terms: Terms, pairs: Pairs, said: Mapping[str, Any]) -> None:
        if any(key in pairs and key not in said for key in _SPANS):
            return  # one of them is wrong in itself: said already
        low, middle, high = _SPANS
        for short, long in ((low, high), (low, middle), (middle, high)):
            written = [key for key in (short, long) if key in pairs]
            if middle in (short, long) and middle not in pairs:
                continue
            if written and getattr(terms, short) > getattr(terms, long):
                bounds = ", ".join(
                    f"`{key}` {short_of(getattr(terms, key))}"
                    + ("" if key in pairs else " from the defaults")
                    for key in (short, long)
                )
                self._note(pairs[written[-1]][0], f"{bounds}: the first is the longer one.")

    def _check_enough(self, terms: Terms, pairs: Pairs) -> None:
        named = all(isinstance(spec, NamedPerson) for spec in terms.approvers)
        if named and len(terms.approvers) < terms.approvals:
            key = "approvals" if "approvals" in pairs else "approvers"
            if key in pairs:
                self._note(
                    pairs[key][0],
                    f"`{key}`: {terms.approvals} approvals are needed, and only "
                    f"{len(terms.approvers)} named to give them.",
                )

    def _pairs(self, node: yaml.Node | None, known: tuple[str, ...], *, line: int) -> Pairs:
        if not isinstance(node, yaml.MappingNode):
            self._note(line, f"keys and values are expected here: {', '.join(known)}.")
            return {}
        pairs: dict[str, tuple[int, yaml.Node]] = {}
        for key, value in node.value:
            at = key.start_mark.line + 1
            word = key.value if isinstance(key, yaml.ScalarNode) else ""
            if word not in known:
                close = nearest(word, known) or f"; known here: {', '.join(known)}"
                self._note(at, f"{shown(word)} is not a key that can stand here{close}.")
            elif word in pairs:
                self._note(at, f"`{word}` stands here twice; first in line {pairs[word][0]}.")
            else:
                pairs[word] = (at, value)
        return pairs

    def _one(self, key: str, pairs: Pairs, read: Callable[[yaml.Node], T]) -> T | None:
        return self._read(key, pairs[key][1], read) if key in pairs else None

    def _many(self, key: str, pairs: Pairs, read: Callable[[yaml.Node], T]) -> tuple[T, ...] | None:
        """A list of at least one, none of them twice; None when it is not there, or not right."""
        if key not in pairs:
            return None
        line, node = pairs[key]
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._note(line, f"`{key}`: write a list with something in it, such as `[one, two]`.")
            return None
        found: dict[T, None] = {}
        for each in node.value:
            value = self._read(key, each, read)
            if value is not None and value in found:
                self._note(
                    each.start_mark.line + 1, f"`{key}`: {shown(each.value)} is there twice."
                )
            elif value is not None:
                found[value] = None
        return tuple(found) if len(found) == len(node.value) else None

    def _read(self, key: str, node: yaml.Node, read: Callable[[yaml.Node], T]) -> T | None:
        try:
            return read(node)
        except Wrong as wrong:
            self._note(node.start_mark.line + 1, f"`{key}`: {wrong}")
            return None

    def _note(self, line: int, sentence: str) -> None:
        self.mistakes.append(Mistake(line, sentence))


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
