"""The policy file as a file and as YAML: hostile, broken, huge."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows import policy_file
from workflows.domain.policy import Policy
from workflows.policy_file import MAX_BYTES, PolicyFileError

ROOT = Path(__file__).parents[1]


def mistakes(text: str) -> list[str]:
    """What is said about it, one sentence a mistake."""
    with pytest.raises(PolicyFileError) as wrong:
        policy_file.parse(text)
    return [str(mistake) for mistake in wrong.value.mistakes]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("version: 1\n\tdefaults: {}", 2, "There is a tab here"),
        ("version: 1\ndefaults: [", 2, "This is not YAML"),
        ("version: 1\ndefaults: a: b", 2, "mapping values are not allowed here"),
        ("version: 1\nrules: 'x", 2, "This is not YAML"),
        ("version: 1\n---\nversion: 1", 2, "but found another document"),
        ('version: 1\nrules: "\\UFFFFFFFF"', 2, "This is not YAML"),
        ("version: 1\nrules: \x00", 2, "cannot be printed"),
        ("version: 1\nrules: \ud800", 2, "cannot be printed"),
        ("version: 1\nrules: &a []", 2, "Anchors and aliases"),
        ("version: 1\nrules: *a", 2, "Anchors and aliases"),
        ("version: 1\ndefaults:\n  <<: *a", 3, "Anchors and aliases"),
        ("version: 1\ndefaults: !!python/object/apply:os.getcwd []", 2, "Tags (`!`)"),
        ("version: !!int 1", 1, "Tags (`!`)"),
        ("version: 1\nrules: " + "[" * 100_000, 2, "nested too deeply"),
        ("version: 1\nrules: " + "{a: " * 50_000, 2, "nested too deeply"),
        ("version: 1\nrules:\n" + "- " * 60_000, 3, "nested too deeply"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    (found,) = mistakes(text)

    assert found.startswith(f"line {line}: ")
    assert words in found


def test_a_billion_laughs_are_not_laughed() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a, *a]\n" for n in range(30))

    assert mistakes(bomb) == [
        "line 1: Anchors and aliases (`&`, `*`) are not allowed: write it out."
    ]


def test_too_many_rules_are_refused() -> None:
    text = "version: 1\nrules:\n" + "".join(f"- name: r{n}\n" for n in range(1001))

    assert mistakes(text) == ["line 2: `rules`: 1001 are too many; at most 1000."]
    assert len(policy_file.parse(text.rpartition("- ")[0]).rules) == 1000


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_huge_file_is_refused_unread(tmp_path: Path, letter: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1 #" + letter * MAX_BYTES, encoding="utf-8")

    with pytest.raises(PolicyFileError, match="longer than 256 KiB") as wrong:
        policy_file.load(path)

    assert len(wrong.value.mistakes) == 1
    assert f"1 mistake in {path}." in str(wrong.value)


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes("version: 1\n# Prüfer\n".encode("latin-1"))

    with pytest.raises(PolicyFileError, match="line 2: This is not UTF-8 text"):
        policy_file.load(path)


def test_mistakes_in_a_file_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 3", encoding="utf-8")

    with pytest.raises(PolicyFileError) as wrong:
        policy_file.load(path)

    assert f"`wandb-access policy check {path}`" in str(wrong.value)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_no_policy(tmp_path: Path, name: str) -> None:
    with pytest.raises(PolicyFileError, match="It cannot be read"):
        policy_file.load(tmp_path / name)


WORDS = st.sampled_from(
    """version|1|rules|defaults|name|teams|:|-|[|]|{|}|,|&a|*a|!|!!int|'|"|#|>|?|%YAML 1.1|---|8h
|\\x|~|null|yes|<<|@|`|0o7|1:30|  |\t|\r""".split("|")  # noqa: SIM905  # forty lines otherwise
)


@given(st.one_of(st.text(), st.lists(WORDS).map(" ".join), st.lists(WORDS).map("".join)))
def test_no_text_brings_anything_but_a_policy_or_named_mistakes(text: str) -> None:
    policy: Policy | None = None

    with suppress(PolicyFileError):
        policy = policy_file.parse(text)

    assert policy is None or isinstance(policy, Policy)


def test_reading_a_policy_needs_neither_the_web_nor_the_database() -> None:
    code = (
        "import sys, workflows.policy_file\n"
        "heavy = {'pydantic', 'sqlmodel', 'sqlalchemy', 'httpx', 'slack_bolt', 'slack_sdk'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
