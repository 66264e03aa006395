"""Rules that stand in the shadow of another: not wrong, but surely not what was meant."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from workflows.domain.policy import Policy, Rule
from workflows.policy_file.values import shown


def warnings(policy: Policy) -> tuple[str, ...]:
    """A sentence for each rule that can never match, because one above it covers all of it."""
    found = []
    for index, rule in enumerate(policy.rules):
        above = next((one for one in policy.rules[:index] if _covers_all(one, rule)), None)
        if above is not None:
            found.append(
                f"Rule {shown(rule.terms.rule)} never matches: "
                f"{shown(above.terms.rule)} above it covers everything that it covers."
            )
    return tuple(found)


def _covers_all(above: Rule, below: Rule) -> bool:
    return all(
        any(
            kind == other and _within(teams, teams_above) and _within(roles, roles_above)
            for other, teams_above, roles_above in _areas(above)
        )
        for kind, teams, roles in _areas(below)
    )


def _areas(rule: Rule) -> list[tuple[str, Sequence[str], Sequence[str]]]:
    """What a rule covers: which teams with which roles, and which roles in the organization."""
    every = ("*",)
    everything = (rule.teams, rule.roles, rule.organization_roles) == (None, None, None)
    areas: list[tuple[str, Sequence[str], Sequence[str]]] = []
    if everything or rule.teams is not None or rule.roles is not None:
        areas.append(("team", rule.teams or every, rule.roles or every))
    if everything or rule.organization_roles is not None:
        areas.append(("organization", every, rule.organization_roles or every))
    return areas


def _within(narrow: Sequence[str], wide: Sequence[str]) -> bool:
    """Whether all that the patterns `narrow` match is surely matched by those in `wide`."""
    return all(
        one in wide or "*" in wide or (not _is_pattern(one) and _matches(one, wide))
        for one in narrow
    )


def _is_pattern(word: str) -> bool:
    return not set("*?[").isdisjoint(word)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
