"""`wandb-access audit …`: work with the audit log."""

from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands import said
from bot.commands.database import open_database, open_stored
from bot.commands.exits import failed, wrong
from bot.commands.output import written
from bot.commands.tables import counted

if TYPE_CHECKING:
    from collections.abc import Generator

    from bot.settings import StorageSettings
    from workflows.domain.verification import NotGiven, Published
    from workflows.services.audit_chain import Verdict
    from workflows.storage.records import AuditEntry
    from workflows.storage.unit_of_work import UnitOfWork

commands = typer.Typer(help="Work with the audit log.", no_args_is_help=True)


@commands.command("export")
def export(
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, for a spreadsheet.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON, one object a line.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; standard output without it.")
    ] = None,
) -> None:
    """Write every fact, oldest first. Who, what, when, before, after, by which rule."""
    if csv == json:
        wrong("Say --csv or --json, one of them.")
    from workflows.services import audit
    from workflows.storage.unit_of_work import Work

    write = audit.write_csv if csv else audit.write_json
    with open_database() as database, Work(database).look() as work, written(output) as file:
        try:
            with closing(_every(work)) as entries:  # also when the disk is full, while all is open
                write(entries, file)
        except (ValueError, TypeError, RecursionError):  # a cell that is nothing we ever store
            failed(
                "A row of the audit log cannot be read; `wandb-access audit verify` says which one "
                "was changed."
            )


def _every(work: "UnitOfWork") -> "Generator[AuditEntry, None, None]":
    yield from work.audit.all()


@commands.command("verify")
def verify(
    heads: Annotated[
        Path | None,
        typer.Option("--heads", help="A file of published heads; AUDIT_PUBLISH's without it."),
    ] = None,
) -> None:
    """Say whether the audit log is what was written. If not, name the first bad row.

    Exit code 0: it is, 1: it is not, 2: a key is missing, without which nobody can say.
    """
    from workflows.services import audit_chain, audit_heads

    with open_stored() as (stored, settings):
        file = heads or audit_heads.file_of(settings.audit_publish)
        published, notes = _published(file, must=heads is not None)
        with stored.look() as work:
            verdict = audit_chain.verify(work, published)
        if published:
            notes.append(_age(published[-1], stored.clock()))
    if verdict.asks is not None:
        # A key that has sealed nothing may be the bot's own, and the log another's.
        is_another = settings.audit_key is not None and not verdict.asks.earlier
        (failed if is_another else wrong)(_asking(verdict.asks, settings))
    if verdict.wrong is not None:
        failed(str(verdict.wrong))
    head = verdict.head
    ending = f"head {head.seq} {head.hash}" if head else "nothing is sealed yet"
    typer.echo(f"{counted(verdict.rows, 'row')}, chain is whole, {ending}")
    for note in (*notes, *_notes(verdict)):
        typer.echo(f"Note: {note}")


def _asking(asks: "NotGiven", settings: "StorageSettings") -> str:
    """Which key is needed, by its id: nobody has to know that one, but it tells two keys apart."""
    from workflows.domain.chain import key_of

    ids = ", ".join(asks.ids)
    if asks.earlier:
        return (
            f"Rows of the audit log are sealed by an earlier key (id {ids}) that is not given "
            "here. Set AUDIT_KEYS_OLD to it as well; what can be judged without it is as it was "
            "written."
        )
    if settings.audit_key is None:
        return (
            f"The audit log is sealed by a key (id {ids}). Set AUDIT_KEY to it, as the bot has it: "
            "without it nobody can say whether the log is whole."
        )
    given = key_of(settings.audit_key.get_secret_value()).id
    return (
        f"AUDIT_KEY (id {given}) has never sealed a row of this audit log; the newest is sealed by "
        f"another key (id {ids}). Set AUDIT_KEY to the bot's own. If this is the bot's own, "
        "somebody has put another log in the place of the bot's."
    )


def _published(file: Path | None, *, must: bool) -> "tuple[list[Published], list[str]]":
    """The heads in a file, and what there is to say about it."""
    from workflows.services import audit_heads

    if file is None:
        return [], []
    if not must and not file.exists():
        return [], [f"{file} is not there: no head was published yet, or somebody removed it."]
    try:
        published, odd = audit_heads.read(file)
    except OSError as error:
        wrong(f"{file} cannot be read: {error.strerror}")
    if must and not published:
        wrong(f"{file} has no published head in it, so there is nothing to compare the log with.")
    return published, [f"line {number} of {file} is no head; it was passed over." for number in odd]


def _age(newest: "Published", now: datetime) -> str:
    """How old the newest head is: where publishing was kept away, it is old."""
    told = f"the newest published head is of seq {newest.seq}"
    try:
        hours = (now - datetime.fromisoformat(newest.at)).total_seconds() / 3600
    except (ValueError, TypeError):  # somebody has written it by hand
        return f"{told}, and its time cannot be read."
    return f"{told}, {hours:.1f} hours old; while the log grows there is one an hour."


def _notes(verdict: "Verdict") -> list[str]:
    """What is not wrong and yet good to know."""
    from workflows.domain.chain import NO_KEY

    notes = []
    if verdict.waiting:
        notes.append(
            f"{counted(verdict.waiting, 'row')} not sealed yet; the oldest is from "
            f"{verdict.oldest_waiting} UTC; while the bot runs it takes seconds."
        )
    if verdict.head is not None and not verdict.noted:
        notes.append(
            "the bot's own note of the newest seal is gone; until it seals again, rows that were "
            "cut off at the end show by the published heads alone."
        )
    if verdict.plain and verdict.head is not None and verdict.head.key != NO_KEY:
        notes.append(
            f"seq 1 to {verdict.plain} were sealed without a key. If AUDIT_KEY was set from the "
            "beginning, the log that was there has been replaced."
        )
    if verdict.head is not None and verdict.head.key == NO_KEY:
        notes.append("the log is sealed without AUDIT_KEY: this shows accidents, not intent.")
    return notes


@commands.command("erase")
def erase(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Whose address.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, without the address; it is kept.")],
    by: Annotated[str, typer.Option("--by", help="Who says so; else the login name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a pseudonym in the place of an address, and blank what the person wrote.

    The chain stays whole. It cannot be undone.
    """
    from workflows.errors import Refused
    from workflows.services import audit_erasure

    address = said.address(email)
    why = said.reason(reason, "Say with --reason why, without the address.")
    operator = said.operator(by)
    try:
        audit_erasure.refuse_to_keep(address, why, by=operator)
    except Refused as refusal:
        wrong(str(refusal))
    with open_stored(writes=True) as (stored, _):
        try:
            rows = len(audit_erasure.concerned(stored, address))
            if not rows:
                typer.echo(f"Nothing to do: no row of the audit log has {address} in it.")
                return
            if not yes:
                typer.confirm(f"Erase {address} from {counted(rows, 'row')} for good?", abort=True)
            erased = audit_erasure.erase(stored, address, why, by=operator)
        except Refused as refusal:
            failed(str(refusal))
    have = "row has" if erased.rows == 1 else "rows have"
    typer.echo(f"{erased.rows} {have} {erased.pseudonym} where {address} was.")
