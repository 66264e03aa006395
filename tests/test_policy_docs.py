"""The example, and what the documents say of the policy file."""

from pathlib import Path

import pytest

from tests.builders import ADMIN, MEMBER, ORGANIZATION, VIEWER, VISION
from workflows import policy_file
from workflows.domain.entitlements import Team
from workflows.domain.policy import Terms
from workflows.policy_file import RULE, TOP
from workflows.policy_file.values import LIMITS, TERMS

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "policy.example.yaml"
DOCUMENT = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
PROD = Team("prod-eu")


def test_the_example_is_a_policy() -> None:
    policy = policy_file.load(EXAMPLE)

    two = policy.terms(PROD, ADMIN)
    assert (two.rule, two.approvals) == ("two people for production admins", 2)
    assert (two.default_duration, two.max_duration) == (4 * 3600, 4 * 3600)
    assert policy.terms(VISION, VIEWER).permanent
    assert not policy.terms(ORGANIZATION, ADMIN).allowed
    assert policy.terms(ORGANIZATION, MEMBER) == policy.terms(VISION, MEMBER) == Terms()
    assert policy_file.warnings(policy) == ()


@pytest.mark.parametrize("key", sorted({*TOP, *RULE, *LIMITS}))
def test_the_documents_explain_every_key(key: str) -> None:
    row = next((line for line in DOCUMENT.splitlines() if line.startswith(f"| `{key}` |")), None)

    assert row is not None, f"docs/policy.md has no row for {key}"


def test_the_documents_name_no_key_that_is_not_there() -> None:
    sections = DOCUMENT.partition("## The file")[2].partition("## Approvers")[0]
    rows = {line.split("`")[1] for line in sections.splitlines() if line.startswith("| `")}

    assert rows == {*TOP, *RULE, *LIMITS}


def test_the_policies_in_the_documents_parse() -> None:
    blocks = [part.partition("```")[0] for part in DOCUMENT.split("```yaml\n")[1:]]

    assert blocks
    for block in blocks:
        policy_file.parse(block)


def test_the_documents_examples_of_terms_parse() -> None:
    rows = [line.split(" | ") for line in DOCUMENT.splitlines() if line.startswith("| `")]
    examples = {row[0].strip("| `"): row for row in rows}

    assert set(TERMS) <= set(examples)
    for key in TERMS:  # what cannot be parsed raises
        policy_file.parse(f"version: 1\ndefaults:\n  {examples[key][2].strip('`')}\n")
