"""What the documents say, compared with what the code is. `docs/policy.md` has its own test."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from bot.__main__ import cli
from bot.settings import SECRETS, Settings
from workflows.domain import grants, requests
from workflows.domain.reactions import DELAYS, REACTIONS, JobKind
from workflows.domain.standings import RECHECKS
from workflows.storage.tables import metadata

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PACKAGES = ("bot", "workflows")
LEVELS = {"warning": "warning", "error": "error", "exception": "error", "critical": "critical"}


def document(name: str) -> str:
    """The text of one document."""
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found is not None, f"no heading {heading!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, without heads and rulers."""
    lines = text.splitlines()
    bodies = (
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("| ") and not following.startswith("|---")
    )
    return [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in bodies]


def quoted(cell: str) -> list[str]:
    """What stands in back-ticks."""
    return re.findall(r"`([^`]+)`", cell)


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the product, parsed."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def nodes() -> Iterator[ast.AST]:
    """Every node of every module of the product."""
    for _, module in modules():
        yield from ast.walk(module)


# ── architecture.md ──────────────────────────────────────────────────────────────────────────────


def drawn(heading: str, number: int) -> set[tuple[str, str]]:
    """The arrows of one state diagram under a heading."""
    blocks = re.findall(
        r"```mermaid\n(.*?)```", section(document("architecture.md"), heading), re.S
    )
    return set(re.findall(r"^\s*(\w+) --> (\w+)$", blocks[number], re.MULTILINE))


@pytest.mark.parametrize(
    ("number", "table"),
    [(0, requests.TRANSITIONS), (1, grants.TRANSITIONS)],
    ids=["request", "grant"],
)
def test_the_two_lives_are_drawn_as_they_are(number: int, table: dict[str, frozenset[str]]) -> None:
    arrows = {(str(before), str(after)) for before, ends in table.items() for after in ends}

    assert drawn("The two lives", number) == arrows


def test_every_state_of_a_grant_is_explained() -> None:
    explained = [row[0] for row in rows(section(document("architecture.md"), "The two lives"))]

    assert explained == [f"`{status}`" for status in grants.GrantStatus]


def reaction(kinds: tuple[JobKind, ...], wait: float) -> str:
    """A reaction as the table writes it; only messages wait."""
    after = f" after {wait:g} s" if wait else ""
    words = [f"`{kind.name}`" + (after if kind is JobKind.NOTIFY else "") for kind in kinds]
    return ", ".join(words) or "none"


def test_the_reactions_are_tabled_as_they_are() -> None:
    table = {row[0]: row[1] for row in rows(section(document("architecture.md"), "The reactions"))}

    assert table == {
        f"`{event.__name__}`": reaction(
            kinds, DELAYS[event].total_seconds() if event in DELAYS else 0
        )
        for event, kinds in REACTIONS.items()
    }


def test_the_layers_are_those_that_are_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["name"] == "Imports point one way")
    tabled = rows(section(document("architecture.md"), "Who may import whom"))

    assert [quoted(row[0]) for row in tabled] == [layer.split(" | ") for layer in layers]


def test_every_table_of_the_database_is_explained() -> None:
    tabled = rows(section(document("architecture.md"), "The tables"))

    assert sorted(quoted(row[0])[0] for row in tabled) == sorted(metadata().tables)


def error_classes() -> set[str]:
    """Public exception classes of the product, by what they are derived from."""
    classes = {node.name: node for node in nodes() if isinstance(node, ast.ClassDef)}
    found = {"Exception"}
    while more := {
        name
        for name, node in classes.items()
        if name not in found
        and found & {base.id for base in node.bases if isinstance(base, ast.Name)}
    }:
        found |= more
    return {name for name in found - {"Exception"} if not name.startswith("_")}


def test_every_error_is_explained() -> None:
    tabled = rows(section(document("architecture.md"), "The errors"))

    assert {name for row in tabled for name in quoted(row[0])} == error_classes()


def defined_in(module: str) -> set[str]:
    """The classes, functions and methods of `workflows.worker`, `services.requests`, …"""
    path = ROOT.joinpath(*module.split("."))
    if not path.with_suffix(".py").is_file():
        path = ROOT.joinpath("workflows", *module.split("."))
    body = ast.walk(ast.parse(path.with_suffix(".py").read_text(encoding="utf-8")))
    return {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def test_what_the_walks_name_is_where_they_say() -> None:
    text = document("architecture.md")
    walks = section(text, "One request, walked") + section(text, "One expiry, walked")
    steps = [row for row in rows(walks) if quoted(row[2])]

    assert len(steps) > 20
    for step in steps:
        there = set().union(*map(defined_in, quoted(step[1])))
        for name in (part for one in quoted(step[2]) for part in one.split(".")):
            assert name in there, f"{name} of step {step[0]} is not in {step[1]}"


# ── operations.md ────────────────────────────────────────────────────────────────────────────────


def default_of(name: str) -> str:
    """A setting's default as the table writes it."""
    default: Any = Settings.model_fields[name].default
    if default is PydanticUndefined:
        return "needed"
    if default is None:
        return "not set"
    return f"`{default.get_secret_value() if isinstance(default, SecretStr) else default}`"


def test_every_setting_is_tabled_with_its_default() -> None:
    table = {row[0]: row[1] for row in rows(section(document("operations.md"), "Settings"))}

    assert table == {f"`{name.upper()}`": default_of(name) for name in Settings.model_fields}


def test_the_secrets_that_can_come_from_a_file_are_named() -> None:
    paragraphs = section(document("operations.md"), "Settings").split("\n\n")
    paragraph = next(one for one in paragraphs if "can come from a file" in one)

    assert set(quoted(paragraph.partition(" can come from a file")[0])) == set(SECRETS)


def test_the_readme_names_every_setting() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    named = {name for row in rows(section(readme, "Settings")) for name in quoted(row[0])}
    assert named == {name.upper() for name in Settings.model_fields}


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:  # typer's own copy of click
    """Every command that does something, with the words that call it."""
    if getattr(command, "invoke_without_command", False) or not hasattr(command, "commands"):
        yield path, command
    if not hasattr(command, "commands"):
        return
    for name, inner in command.commands.items():
        yield from commands(inner, f"{path} {name}")


def test_every_command_is_tabled_with_its_options() -> None:
    table = {
        quoted(row[0])[0]: row[1] for row in rows(section(document("operations.md"), "Commands"))
    }
    there = dict(commands(typer.main.get_command(cli), "wandb-access"))

    assert {call.removesuffix(" FILE") for call in table} == set(there)
    for call, text in table.items():
        for option in there[call.removesuffix(" FILE")].params:
            longest = max(option.opts, key=len)
            assert longest in text or not longest.startswith("--"), f"{longest} of {call}"


def logged() -> set[tuple[str, str]]:
    """Message and level of everything that is logged above INFO."""
    found = set()
    for path, module in modules():
        for node in ast.walk(module):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log" | "logger"), attr=attr),
                    args=[first, *_],
                ) if attr in LEVELS:
                    assert isinstance(first, ast.Constant), f"{path}: a message is a plain text"
                    found.add((str(first.value), LEVELS[attr]))
    return found


def test_every_warning_and_error_is_explained_with_what_to_do() -> None:
    tabled = rows(section(document("operations.md"), "What the log says"))

    assert {(quoted(row[0])[0], row[1]) for row in tabled} == logged()
    assert all(len(row) == 4 and row[3] for row in tabled)


def test_every_alert_is_explained() -> None:
    alerts = {event.__name__ for event, kinds in REACTIONS.items() if JobKind.ALERT in kinds}
    tabled = rows(section(document("operations.md"), "What the alerts mean"))

    assert {quoted(row[0])[0] for row in tabled} == alerts


# ── reliability.md ───────────────────────────────────────────────────────────────────────────────

FAULTS = {
    **{"A": 23, "B": 22, "C": 17, "D": 14, "E": 7, "F": 13, "G": 8},
    **{"H": 12, "J": 12, "K": 10, "L": 6, "M": 6},
}


def test_every_fault_has_its_row_with_what_happens_and_a_test_that_shows_it() -> None:
    tabled = rows(section(document("reliability.md"), "Faults"))

    numbered = [quoted(row[0])[0] for row in tabled if quoted(row[0])]
    assert numbered == [
        f"{letter}{n}" for letter, last in FAULTS.items() for n in range(1, last + 1)
    ]
    assert all(len(row) == 4 and row[2] and "test_" in row[3] for row in tabled)


# ── scim.md, security.md ─────────────────────────────────────────────────────────────────────────

METHODS = {
    "get": "GET",
    "find": "GET",
    "pages": "GET",
    "probe": "GET",
    "post": "POST",
    "patch": "PATCH",
}


def test_every_call_to_scim_is_tabled_and_no_other() -> None:
    made = set()
    for node in nodes():
        match node:
            case ast.Call(
                func=ast.Attribute(attr=attr),
                args=[ast.Constant(value="Users" | "Groups" | "Roles" as kind), *_],
            ) if attr in METHODS:
                made.add((METHODS[attr], kind))
    calls = [row[0] for row in rows(section(document("scim.md"), "The calls"))]
    tabled = {tuple(found) for call in calls for found in re.findall(r"(\w+) BASE/(\w+)", call)}

    assert tabled == made


def test_every_question_to_graphql_is_tabled() -> None:
    texts = [str(node.value) for node in nodes() if isinstance(node, ast.Constant)]
    asked = {name for text in texts for name in re.findall(r"^(?:query|mutation) (\w+)", text)}
    calls = [row[0] for row in rows(section(document("scim.md"), "The calls"))]

    assert {quoted(call)[1] for call in calls if "/graphql" in call} == asked


def test_the_second_looks_are_told_as_they_are() -> None:
    assert [wait.total_seconds() for wait in RECHECKS] == [60, 600, 3600]
    for name in ("architecture.md", "reliability.md"):
        assert re.search(r"1 min, 10 min and 1 h", document(name)), name


def test_every_scope_is_explained_and_no_other() -> None:
    manifest = yaml.safe_load((ROOT / "app_manifest.yaml").read_text(encoding="utf-8"))
    tabled = rows(section(document("security.md"), "Slack scopes, and why each"))

    assert [quoted(row[0])[0] for row in tabled] == manifest["oauth_config"]["scopes"]["bot"]
