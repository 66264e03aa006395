"""`wandb-access grants` in a process of its own, beside an engine that it knows nothing of."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.bot.test_main import wandb_access
from tests.builders import ADMIN, EVE, MEMBER, VISION
from tests.services.rig import Rig
from tests.services.troubled import people
from workflows.domain.chain import Keys, Seen, key_of
from workflows.domain.durations import Span
from workflows.domain.grants import GrantStatus
from workflows.domain.standings import SETTLING
from workflows.services import audit_chain, reconcile

SECRET = "CANARY-audit-key-" + "k" * 32

Command = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def grants(rig: Rig, database_url: str, tmp_path: Path) -> Command:
    """`wandb-access grants …` on the database of this rig, which has the real clock."""
    rig.clock.now = datetime.now(UTC)  # noqa: TID251 - the command has no other
    rig.rosters.read()

    def call(*arguments: str, **environ: str) -> "CompletedProcess[str]":
        given = {"DATABASE_URL": database_url, **environ}
        return wandb_access("grants", *arguments, environ=given, folder=tmp_path)

    return call


def test_with_nothing_open_grants_says_so(rig: Rig, grants: Command) -> None:
    as_table, as_json = grants(), grants("--json")

    assert (as_table.returncode, as_table.stdout) == (0, "No access is open.\n")
    assert (as_json.returncode, as_json.stdout) == (0, "")


def test_grants_lists_who_has_what_until_when(rig: Rig, grants: Command) -> None:
    (other,) = people(rig, 1)
    first = rig.approved(requester=other)
    rig.run()
    second = rig.approved(role=ADMIN, duration=Span(3600))

    table = grants()
    assert (table.returncode, table.stderr) == (0, "")
    head, given, waits = table.stdout.splitlines()
    assert head.split() == [
        "ID",
        "WHO",
        "WHERE",
        "ROLE",
        "STATUS",
        *["SINCE", "(UTC)", "ENDS", "(UTC)"],
    ]
    assert given.split()[:5] == [first, other, "vision", "member", "active"]
    ends_at = rig.grant(second).ends_at
    assert ends_at is not None
    assert waits.split()[:5] == [second, EVE, "vision", "admin", "issued"]
    assert waits.endswith(f"  {ends_at:%Y-%m-%d %H:%M}")

    (row,) = map(json.loads, grants("--json", "--person", "EVE@corp.example").stdout.splitlines())
    assert (row["id"], row["person"], row["place"]) == (second, EVE, "vision")
    assert (row["role"], row["status"], row["ends_at"]) == ("admin", "issued", ends_at.isoformat())


def test_grants_does_not_call_active_what_somebody_changed_by_hand(
    sqlite_rig: Rig, sqlite_url: str, tmp_path: Path
) -> None:
    rig = sqlite_rig
    (other,) = people(rig, 1)
    changed = rig.approved()
    kept = rig.approved(requester=other)
    rig.run()
    rig.clock.advance(SETTLING)
    rig.directory.put(EVE, VISION, None)
    reconcile.reconcile(rig.deps, dry_run=False)
    rig.run()

    def lines(*arguments: str) -> list[str]:
        environ = {"DATABASE_URL": sqlite_url}
        done = wandb_access("grants", *arguments, environ=environ, folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    _, first, second, said = lines()
    assert (first.split()[0], first.split()[4]) == (changed, "changed")
    assert (second.split()[0], second.split()[4]) == (kept, "active")
    assert said == (
        f"{changed}: W&B shows no role there now: somebody changed it by hand. The organization's "
        "admins have been asked."
    )
    assert [line.split() for line in lines("--person", other)[1:]] == [second.split()]

    rows = {row["id"]: row for row in map(json.loads, lines("--json"))}
    assert rows[changed]["status"] == rows[kept]["status"] == "active"
    assert rows[changed]["instead"] == {"role": None, "word": "asked"}
    assert rows[kept]["instead"] is None


def test_grants_revoke_ends_it_in_the_operators_name_and_the_running_bot_takes_it_back(
    rig: Rig, grants: Command
) -> None:
    id = rig.approved()
    rig.run()
    assert rig.held() == MEMBER

    done = grants("revoke", id, "--reason", " has left ", "--by", "Olga  Ops")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"member in vision for {EVE} is over (operator:Olga Ops). The ")
    assert "within seconds, or when it is started" in done.stdout
    (entry,) = [one for one in rig.audit(id) if one.event == "GrantRevoked"]
    assert (entry.actor, entry.detail["reason"]) == ("operator:Olga Ops", "has left")
    rig.clock.now = datetime.now(UTC)  # noqa: TID251 - that is when it is due
    rig.run()
    assert (rig.held(), rig.grant(id).status) == (None, GrantStatus.ENDED)


def test_without_a_name_the_login_name_is_kept(
    sqlite_rig: Rig, sqlite_url: str, tmp_path: Path
) -> None:
    id = sqlite_rig.approved()
    environ = {"DATABASE_URL": sqlite_url, "LOGNAME": "ops"}

    done = wandb_access("grants", "revoke", id, "--reason", "x", environ=environ, folder=tmp_path)

    assert done.returncode == 0
    assert sqlite_rig.grant(id).ended_by == "operator:ops"


def test_grants_revoke_refuses_in_words(rig: Rig, grants: Command) -> None:
    id = rig.approved()
    rig.run()

    def said(*arguments: str) -> tuple[int, str]:
        done = grants("revoke", *arguments)
        assert done.stdout == ""
        return done.returncode, done.stderr

    unknown = "No access that is open has the id nothing; `wandb-access grants` lists what is.\n"
    assert said("nothing", "--reason", "x") == (1, unknown)
    assert said(id, "--reason", " \n") == (2, "Say with --reason why it ends.\n")
    code, words = said(id)
    assert (code, "Missing option" in words) == (2, True)
    long = "--reason takes at most 1,000 characters; these are 1,001.\n"
    assert said(id, "--reason", "x" * 1001) == (2, long)
    name = "--by takes a name of at most 100 characters.\n"
    assert said(id, "--reason", "x", "--by", "y" * 101) == (2, name)
    assert rig.grant(id).status is GrantStatus.ACTIVE

    rig.give_back(id)
    code, words = said(id, "--reason", "x")
    assert (code, "over already, and is being taken back" in words) == (1, True)
    rig.run()
    over = "Nothing changed: this access is over already.\n"
    assert said(id, "--reason", "x") == (1, over)


def test_grants_of_what_is_no_address_is_wrong(grants: Command) -> None:
    done = grants("--person", "eve")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "eve is no e-mail address. Give one like eve@corp.example.\n"


def test_grants_revoke_needs_the_bots_own_audit_key(rig: Rig, grants: Command) -> None:
    rig.work.keys, rig.work.seen = Keys(key_of(SECRET)), Seen()
    id = rig.approved()
    audit_chain.seal(rig.deps)

    without = grants("revoke", id, "--reason", "x")
    assert without.returncode == 2
    assert without.stderr == (
        "AUDIT_KEY is not set, and the bot seals the audit log with a key (id "
        f"{key_of(SECRET).id}). Give this command the bot's own.\n"
    )
    assert rig.grant(id).status is GrantStatus.ISSUED
    assert grants("revoke", id, "--reason", "x", AUDIT_KEY=SECRET).returncode == 0
    audit_chain.seal(rig.deps)
    with rig.work.look() as work:
        assert audit_chain.verify(work).wrong is None


def test_what_no_database_takes_is_kept_as_question_marks(
    sqlite_rig: Rig, sqlite_url: str, tmp_path: Path
) -> None:
    id = sqlite_rig.approved()
    environ = {"DATABASE_URL": sqlite_url, "PYTHONUTF8": "1"}
    given = ("--reason", "caf\udce9", "--by", "Jos\udce9")

    done = wandb_access("grants", "revoke", id, *given, environ=environ, folder=tmp_path)

    assert done.returncode == 0
    grant = sqlite_rig.grant(id)
    assert (grant.note, grant.ended_by) == ("caf?", "operator:Jos?")
