"""The policy file: what is right becomes a policy, what is wrong is named with its line."""

from pathlib import Path

import pytest

from workflows import policy_file
from workflows.domain.entitlements import EmailAddress
from workflows.domain.limits import Limits
from workflows.domain.policy import (
    ChatGroup,
    NamedPerson,
    OrganizationAdmins,
    Policy,
    TeamAdmins,
    Terms,
)
from workflows.policy_file import PolicyFileError


def mistakes(text: str) -> list[str]:
    """What is said about it, one sentence a mistake."""
    with pytest.raises(PolicyFileError) as wrong:
        policy_file.parse(text)
    return [str(mistake) for mistake in wrong.value.mistakes]


def in_defaults(line: str) -> str:
    return f"version: 1\ndefaults:\n  {line}\n"


def in_limits(line: str) -> str:
    return f"version: 1\nlimits:\n  {line}\n"


def rules(*lines: str, first: str = "- name: one") -> str:
    return "\n".join(("version: 1", "rules:", first, *(f"  {line}" for line in lines)))


# ── what is right ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "version: 1",
        "\ufeffversion: 1\r\n",
        "# first\n---\nversion: 1\ndefaults:\nrules:\n",
        "version: 1\ndefaults: {}\nrules: []\n",
        '{"version": 1, "rules": []}',
        "version: 1\nlimits:\n",
        "version: 1\nlimits: {}\n",
        "version: 1\nlimits: {requests_per_hour: 0, pending_per_person: 0, pending_per_team: 0}",
    ],
)
def test_what_is_left_out_is_as_documented(text: str) -> None:
    assert policy_file.parse(text) == Policy()


def test_without_a_file_the_defaults_hold() -> None:
    assert policy_file.load(None) == Policy()


def test_every_key_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        """
version: 1
defaults:
  effect: deny
  approvers: [team-admins, org-admins, Ada@Corp.Example, "slack-group:S0123"]
  approvals: 3
  min_duration: 90s
  default_duration: 45m
  max_duration: 2w
  permanent: true
  reason: optional
  invite_new_people: false
  pending_lapses_after: 12h
  channel: "#wandb-approvals"
limits:
  requests_per_hour: 5
  pending_per_person: 6
  pending_per_team: 700
rules:
  - name: one
    teams: ["prod-*", vision]
    roles: [Admin, "Release *"]
    organization_roles: [MEMBER]
    effect: allow
    approvals: 1
    channel: C0123ABCD
""",
        encoding="utf-8",
    )

    policy = policy_file.load(path)

    assert policy.defaults == Terms(
        allowed=False,
        approvers=(
            TeamAdmins(),
            OrganizationAdmins(),
            NamedPerson(EmailAddress("ada@corp.example")),
            ChatGroup("S0123"),
        ),
        approvals=3,
        min_duration=90,
        default_duration=45 * 60,
        max_duration=14 * 86_400,
        permanent=True,
        reason_required=False,
        invite_new_people=False,
        pending_lapses_after=12 * 3600,
        channel="#wandb-approvals",
    )
    assert policy.limits == Limits(requests_per_hour=5, pending_per_person=6, pending_per_team=700)
    (rule,) = policy.rules
    assert (rule.teams, rule.roles) == (("prod-*", "vision"), ("admin", "Release *"))
    assert rule.organization_roles == ("member",)
    assert (rule.terms.rule, rule.terms.allowed, rule.terms.approvals) == ("one", True, 1)
    assert rule.terms.channel == "C0123ABCD"
    assert rule.terms.approvers == policy.defaults.approvers


def test_a_default_that_nobody_wrote_is_fitted_between_the_bounds() -> None:
    short = policy_file.parse(rules("max_duration: 4h")).rules[0].terms
    long = policy_file.parse(rules("min_duration: 9h")).rules[0].terms

    assert short.default_duration == 4 * 3600
    assert long.default_duration == 9 * 3600


# ── what is wrong ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("max_duratoin: 4h", "(did you mean `max_duration`?)"),
        ("name: x", "'name' is not a key that can stand here"),
        ("? [a]\n  : b", "'' is not a key that can stand here"),
        ("approvals: 0", "`approvals`: write a whole number from 1 to 10."),
        ("approvals: 11", "whole number"),
        ("approvals: -1", "whole number"),
        ("approvals: 1.5", "whole number"),
        ("approvals: 1:1", "whole number"),
        ("approvals: 0x2", "whole number"),
        ("approvals: two", "whole number"),
        ("approvals: '2'", "whole number"),
        ("approvals: [2]", "whole number"),
        ("approvals: 99999999999999999999999", "whole number"),
        ("approvals: null", "whole number"),
        ("approvals: true", "whole number"),
        ("min_duration: 3", "`min_duration`: write a number and a unit"),
        ("min_duration: 0h", "a number and a unit"),
        ("min_duration: -3d", "a number and a unit"),
        ("min_duration: 1.5h", "a number and a unit"),
        ("min_duration: 1:30", "a number and a unit"),
        ("min_duration: permanent", "a number and a unit"),
        ("min_duration: until friday", "a number and a unit"),
        ("min_duration: [8h]", "a number and a unit"),
        ("min_duration: {8h: 8h}", "a number and a unit"),
        ("min_duration:", "a number and a unit"),
        ("max_duration: 3651d", "`max_duration`: at most 3650 days."),
        ("pending_lapses_after: 999999w", "`pending_lapses_after`: at most 3650 days."),
        ("permanent: maybe", "`permanent`: write `true` or `false`."),
        ("permanent: 'true'", "write `true` or `false`"),
        ("permanent: 1", "write `true` or `false`"),
        ("invite_new_people: []", "write `true` or `false`"),
        ("reason: yes", "`reason`: write `required` or `optional`."),
        ("reason: Required", "write `required` or `optional`"),
        ("effect: denied", "`effect`: write `allow` or `deny`."),
        ("effect: [deny]", "write `allow` or `deny`"),
        ("approvers: team-admins", "`approvers`: write a list with something in it"),
        ("approvers: []", "write a list with something in it"),
        ("approvers: {}", "write a list with something in it"),
        ("approvers: [team-admin]", "(did you mean `team-admins`?)"),
        ("approvers: [everybody]", "'everybody' is no approver; write"),
        ("approvers: ['slack-group:general']", "is no approver"),
        ("approvers: ['slack-group:s0123']", "is no approver"),
        ("approvers: ['slack-group:']", "is no approver"),
        ("approvers: ['@ada']", "is not an e-mail address"),
        ("approvers: [ada@corp]", "is not an e-mail address"),
        ("approvers: [ada@corp..example]", "is not an e-mail address"),
        ("approvers: [ada@@corp.example]", "is not an e-mail address"),
        ("approvers: [a b@corp.example]", "is not an e-mail address"),
        ("approvers: ['Ada <ada@corp.example>']", "is not an e-mail address"),
        ("approvers: [ada.@corp.example]", "is not an e-mail address"),
        ("approvers: [ada@-corp.example]", "is not an e-mail address"),
        ("approvers: [\u0430da@corp.example]", "is not an e-mail address"),
        (f"approvers: [{'a' * 65}@corp.example]", "is not an e-mail address"),
        (f"approvers: [{'a' * 64}@{'b' * 250}.example]", "longer than 254 characters"),
        ("approvers: [[team-admins]]", "one word is expected here"),
        ("approvers: [org-admins, org-admins]", "'org-admins' is there twice"),
        ("approvers: [a@b.example, A@B.example]", "'A@B.example' is there twice"),
        ("channel: wandb", "`channel`: 'wandb' is not a channel; write `\"#its-name\"`"),
        ("channel: '#Wandb'", "is not a channel"),
        ("channel: '#a b'", "is not a channel"),
        ("channel: #wandb", "there is nothing here (a bare # begins a comment)"),
        ("channel: [x]", "one word is expected here"),
    ],
)
def test_a_wrong_word_in_the_defaults_is_named_with_its_line(line: str, words: str) -> None:
    (found,) = mistakes(in_defaults(line))

    assert found.startswith("line 3: ")
    assert words in found


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "keys and values are expected here: version, drift, defaults, limits, rules."),
        ("- version: 1", 1, "keys and values are expected here"),
        ("rules: []", 1, "`version: 1` is missing."),
        ("\nversion: 2", 2, "`version`: write `1`"),
        ("version: '1'", 1, "`version`: write `1`"),
        ("version: 1.0", 1, "`version`: write `1`"),
        ("version: [1]", 1, "`version`: write `1`"),
        ("version: 1\nrule: []", 2, "(did you mean `rules`?)"),
        ("version: 1\nzzzzzz: 1", 2, "known here: version, drift, defaults, limits, rules"),
        ("version: 1\nversion: 1", 2, "`version` stands here twice; first in line 1."),
        ("version: 1\ndefaults: [a]", 2, "keys and values are expected here"),
        ("version: 1\ndefaults: x", 2, "keys and values are expected here"),
        ("version: 1\nrules: {}", 2, "`rules`: write a list"),
        ("version: 1\nrules: all", 2, "`rules`: write a list"),
        (rules("effect: deny", "effect: allow"), 5, "`effect` stands here twice"),
        (rules("teams: []"), 4, "`teams`: write a list"),
        (rules("teams: vision"), 4, "`teams`: write a list"),
        (rules("teams: [no]"), 4, "YAML does not read 'no' as text; put it in quotes."),
        (rules("teams: [12]"), 4, "put it in quotes"),
        (rules("teams:", "- a", "- 2026-01-01"), 6, "put it in quotes"),
        (rules("teams: ['']"), 4, "is empty"),
        (rules("teams: [' vision']"), 4, "has spaces around it"),
        (rules('teams: ["a\\u202eb"]'), 4, "cannot be printed"),
        (rules("teams: [a, b, a]"), 4, "`teams`: 'a' is there twice."),
        (rules("roles: [admin, Admin]"), 4, "`roles`: 'Admin' is there twice."),
        (rules("organization_roles: [amdin]"), 4, "(did you mean `admin`?)"),
        (rules("organization_roles: [billing]"), 4, "no role in the organization"),
        (rules(first="- teams: [a]"), 3, "a rule needs a `name`"),
        (rules(first="- name: 5"), 3, "`name`: YAML does not read '5' as text"),
        (rules(first="- name: defaults"), 3, "take another"),
        (rules(first="- name: one\n- name: one"), 4, "`name`: 'one' is the rule in line 3."),
        (rules("approvals: 2", "approvers: [a@b.example]"), 4, "only 1 named to give them"),
        (
            "version: 1\ndefaults:\n  approvals: 2\n  approvers: [a@b.example]\n"
            "rules:\n- name: it inherits the mistake, and does not repeat it",
            3,
            "only 1 named",
        ),
        ("version: 1\nlimits: 5", 2, "expected here: requests_per_hour, pending_per_person, pend"),
        (in_limits("requests_an_hour: 5"), 3, "(did you mean `requests_per_hour`?)"),
        (in_limits("pending_per_team: -1"), 3, "whole number up to 100000; 0 is the default"),
        (in_limits("pending_per_team: 100001"), 3, "whole number up to 100000"),
        (in_limits("pending_per_team: 1_0"), 3, "whole number up to 100000"),
        (in_limits("pending_per_team: 010"), 3, "whole number up to 100000"),
        (in_limits("pending_per_team: many"), 3, "whole number up to 100000"),
        (in_limits("pending_per_team: [1]"), 3, "whole number up to 100000"),
        # the order of the three, after the defaults have been filled in
        (in_defaults("max_duration: 10m"), 3, "`min_duration` 15m from the defaults"),
        (in_defaults("default_duration: 31d"), 3, "`max_duration` 30d from the defaults"),
        (in_defaults("default_duration: 10m"), 3, "`default_duration` 10m: the first is"),
        (rules("max_duration: 10m"), 4, "`max_duration` 10m: the first is the longer one."),
        (rules("min_duration: 31d"), 4, "`max_duration` 30d from the defaults"),
        (rules("max_duration: 1h", "default_duration: 2h"), 4, "`default_duration` 2h"),
        (
            "version: 1\ndefaults: {approvals: 2}\nrules:\n- name: a\n  approvers: [a@b.example]",
            5,
            "`approvers`: 2 approvals are needed, and only 1 named",
        ),
    ],
)
def test_every_kind_of_mistake_is_named_with_its_line(text: str, line: int, words: str) -> None:
    (found,) = mistakes(text)

    assert found.startswith(f"line {line}: ")
    assert words in found


def test_every_mistake_is_named_at_once_in_the_order_of_the_lines() -> None:
    text = """
version: 2
defaults: {approvals: 0, reason: no}
rules:
- name: one
  roles: []
- name: one
  max_duration: 3
"""

    with pytest.raises(PolicyFileError) as wrong:
        policy_file.parse(text)

    first, *found, last = str(wrong.value).splitlines()
    assert first == "The policy cannot be used: 6 mistakes."
    assert [each.partition(":")[0].strip() for each in found] == [
        "line 2",
        "line 3",
        "line 3",
        "line 6",
        "line 7",
        "line 8",
    ]
    assert "wandb-access policy check FILE" in last


# ── warnings ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("above", "below", "shadowed"),
    [
        ("{}", "{teams: [a]}", True),
        ("{}", "{}", True),
        ("{}", "{organization_roles: [admin]}", True),
        ("{teams: [a]}", "{}", False),
        ('{teams: ["*"]}', "{roles: [admin]}", True),
        ('{teams: ["*"]}', "{}", False),
        ('{teams: ["*"], organization_roles: ["*"]}', "{}", True),
        ('{teams: ["prod-*"]}', "{teams: [prod-eu], roles: [admin]}", True),
        ('{teams: ["prod-*"]}', '{teams: ["prod-*"]}', True),
        ('{teams: ["prod-*"]}', '{teams: ["prod-e*"]}', False),  # not certain: nothing is said
        ('{teams: ["prod-*"]}', "{teams: [prod-eu, vision]}", False),
        ('{teams: ["prod-*"], roles: [admin]}', "{teams: [prod-eu]}", False),
        ("{teams: [a]}", "{organization_roles: [admin]}", False),
        ("{organization_roles: [admin]}", "{organization_roles: [admin]}", True),
        ("{organization_roles: [admin]}", "{organization_roles: [admin], teams: [a]}", False),
    ],
)
def test_a_rule_that_can_never_match_is_warned_of(above: str, below: str, shadowed: bool) -> None:
    def named(name: str, body: str) -> str:
        return f"- {{name: {name}" + (f", {body[1:]}" if body != "{}" else "}")

    text = f"version: 1\nrules:\n{named('upper', above)}\n{named('lower', below)}\n"

    found = policy_file.warnings(policy_file.parse(text))

    assert found == (
        ("Rule 'lower' never matches: 'upper' above it covers everything that it covers.",)
        if shadowed
        else ()
    )
