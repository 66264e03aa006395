"""What may stand behind each key, and what to write instead of what may not.

What YAML guesses (`no`, `1:30`, `2026-01-01`) is refused where text is meant.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import yaml

from workflows.domain import durations
from workflows.domain.entitlements import PREDEFINED, email_of
from workflows.domain.policy import (
    ApproverSpec,
    ChatGroup,
    NamedPerson,
    OrganizationAdmins,
    TeamAdmins,
)
from workflows.errors import PolicyRefused

MAX_DURATION = 3650 * 86_400  # seconds
MAX_APPROVALS = 10
MAX_COUNT = 100_000
MAX_WORD = 254  # characters; the longest e-mail address (RFC 5321, section 4.5.3.1.3)

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322, section 3.2.3
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1035, section 2.3.4
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
_GROUP = re.compile(r"slack-group:(S[A-Z0-9]{2,20})")
_CHANNEL = re.compile(r"#[^\s#@,.<>&]{1,80}|[CG][A-Z0-9]{5,20}")  # a name, or Slack's id of it
_APPROVERS: Mapping[str, ApproverSpec] = {
    "team-admins": TeamAdmins(),
    "org-admins": OrganizationAdmins(),
}


class Wrong(Exception):
    """A value that cannot be taken: what to write instead."""


def text(node: yaml.Node) -> str:
    """Words as they stand; never what YAML takes for a number, a date or a truth."""
    if not isinstance(node, yaml.ScalarNode):
        raise Wrong("one word is expected here.")
    if node.tag == "tag:yaml.org,2002:null":
        raise Wrong("there is nothing here (a bare # begins a comment); leave the key out.")
    if node.tag != "tag:yaml.org,2002:str":
        raise Wrong(f"YAML does not read {shown(node.value)} as text; put it in quotes.")
    word: str = node.value
    if not word.strip() or word != word.strip() or not word.isprintable() or len(word) > MAX_WORD:
        raise Wrong(
            f"{shown(word)} is empty, longer than {MAX_WORD} characters, or has spaces around it "
            "or characters in it that cannot be printed."
        )
    return word


def _number(node: yaml.Node) -> int:
    word = node.value if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":int") else ""
    if not re.fullmatch("[0-9]{1,2}", word) or not 1 <= int(word) <= MAX_APPROVALS:
        raise Wrong(f"write a whole number from 1 to {MAX_APPROVALS}.")
    return int(word)


def count(node: yaml.Node) -> int:
    """A whole number; 0 stands for the default."""
    word = node.value if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":int") else ""
    if not re.fullmatch("0|[1-9][0-9]{0,5}", word) or int(word) > MAX_COUNT:
        raise Wrong(f"write a whole number up to {MAX_COUNT}; 0 is the default.")
    return int(word)


def version(node: yaml.Node) -> int:
    """The one version there is."""
    if not isinstance(node, yaml.ScalarNode) or not node.tag.endswith(":int") or node.value != "1":
        raise Wrong("write `1`; this program knows no other version.")
    return 1


def _flag(node: yaml.Node) -> bool:
    if not isinstance(node, yaml.ScalarNode) or not node.tag.endswith(":bool"):
        raise Wrong("write `true` or `false`.")
    return node.value.lower() in {"true", "yes", "on"}


def _span(node: yaml.Node) -> int:
    try:
        # The zone and the moment matter to “until …” only, which is not taken here.
        span = durations.parse(str(node.value), tz=UTC, now=datetime.min.replace(tzinfo=UTC))
    except PolicyRefused:
        span = None
    if not isinstance(node, yaml.ScalarNode) or not isinstance(span, durations.Span):
        raise Wrong("write a number and a unit, such as `45m`, `8h` or `30d`.")
    if span.seconds > MAX_DURATION:
        raise Wrong(f"at most {durations.words_of(MAX_DURATION)}.")
    return span.seconds


def _either(yes: str, no: str) -> Callable[[yaml.Node], bool]:
    def read(node: yaml.Node) -> bool:
        if not isinstance(node, yaml.ScalarNode) or node.value not in {yes, no}:
            raise Wrong(f"write `{yes}` or `{no}`.")
        return bool(node.value == yes)

    return read


def _approver(node: yaml.Node) -> ApproverSpec:
    word = text(node)
    if word in _APPROVERS:
        return _APPROVERS[word]
    if group := _GROUP.fullmatch(word):
        return ChatGroup(group[1])
    email = email_of(word)
    local, at, _ = email.rpartition("@")
    if _EMAIL.fullmatch(email) and len(local) <= 64:  # RFC 5321, section 4.5.3.1.1
        return NamedPerson(email)
    if at:
        raise Wrong(f"{shown(word)} is not an e-mail address.")
    raise Wrong(
        f"{shown(word)} is no approver{nearest(word, _APPROVERS)}; write `team-admins`, "
        "`org-admins`, an e-mail address, or `slack-group:` and the group's id, such as "
        "`slack-group:S0123ABCD`."
    )


def _channel(node: yaml.Node) -> str:
    word = text(node)
    if not _CHANNEL.fullmatch(word) or (word.startswith("#") and word != word.lower()):
        raise Wrong(f'{shown(word)} is not a channel; write `"#its-name"` or its id.')
    return word


def _role(node: yaml.Node) -> str:
    word = text(node)
    return word.lower() if word.lower() in PREDEFINED else word


def _organization_role(node: yaml.Node) -> str:
    word = _role(node)
    if not any(fnmatchcase(name, word) for name in PREDEFINED):
        raise Wrong(
            f"{shown(word)} is no role in the organization{nearest(word, PREDEFINED)}; "
            "they are admin and member."
        )
    return word


def shown(word: str) -> str:
    """A word of the file in a message: quoted, escaped and cut."""
    return repr(word if len(word) <= 60 else word[:59] + "…")


def nearest(word: str, known: Iterable[str]) -> str:
    """A suggestion to be put behind a word that is not known, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean `{near[0]}`?)" if near else ""


# Key → the field of `Terms`, and what reads its value (`approvers` is a list of them).
TERMS: Mapping[str, tuple[str, Callable[[yaml.Node], object]]] = {
    "effect": ("allowed", _either("allow", "deny")),
    "approvers": ("approvers", _approver),
    "approvals": ("approvals", _number),
    "min_duration": ("min_duration", _span),
    "default_duration": ("default_duration", _span),
    "max_duration": ("max_duration", _span),
    "permanent": ("permanent", _flag),
    "reason": ("reason_required", _either("required", "optional")),
    "invite_new_people": ("invite_new_people", _flag),
    "pending_lapses_after": ("pending_lapses_after", _span),
    "channel": ("channel", _channel),
}
enforces = _either("enforce", "report")  # what `drift` says
LIMITS = ("requests_per_hour", "pending_per_person", "pending_per_team")
COVERS: Mapping[str, Callable[[yaml.Node], str]] = {
    "teams": text,
    "roles": _role,
    "organization_roles": _organization_role,
}
