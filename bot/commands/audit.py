"""`wandb-access audit …`: work with the audit log."""

import getpass
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.database import open_database, open_stored
from bot.commands.exits import failed, wrong

if TYPE_CHECKING:
    from workflows.domain.verification import Published
    from workflows.services.audit_chain import Verdict

commands = typer.Typer(help="Work with the audit log.", no_args_is_help=True)


@commands.command("export")
def export(
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, for a spreadsheet.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON, one object a line.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; standard output without it.")
    ] = None,
) -> None:
    """Write every fact there is, oldest first: who, what, when, before, after, by which rule."""
    if csv == json:
        wrong("Say --csv or --json, one of them.")
    from workflows.services import audit
    from workflows.storage.unit_of_work import Work

    write = audit.write_csv if csv else audit.write_json
    with open_database() as database, Work(database).look() as work:
        if output is None:
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # a TextIOWrapper
            write(work.audit.all(), sys.stdout)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                write(work.audit.all(), file)
        except OSError as error:
            wrong(f"{output} cannot be written: {error.strerror}")


@commands.command("verify")
def verify(
    heads: Annotated[
        Path | None,
        typer.Option("--heads", help="A file of published heads; AUDIT_PUBLISH's without it."),
    ] = None,
) -> None:
    """Say whether the audit log is what was written, or name the first row that is not."""
    from workflows.services import audit_chain, audit_heads

    with open_stored() as (stored, settings):
        file = heads or audit_heads.file_of(settings.audit_publish)
        published, notes = _published(file, must=heads is not None)
        with stored.look() as work:
            verdict = audit_chain.verify(work, published)
        if published:
            notes.append(_age(published[-1], stored.clock()))
    if verdict.wrong is not None:
        failed(str(verdict.wrong))
    head = verdict.head
    ending = f"head {head.seq} {head.hash}" if head else "nothing is sealed yet"
    typer.echo(f"{verdict.rows} rows, chain is whole, {ending}")
    for note in (*notes, *_notes(verdict)):
        typer.echo(f"Note: {note}")


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
            f"{verdict.waiting} rows are not sealed yet, the oldest is from "
            f"{verdict.oldest_waiting} UTC; while the bot runs it takes seconds."
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
    email: Annotated[str, typer.Argument(help="Whose address.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, without the address; it is kept.")],
    by: Annotated[str, typer.Option("--by", help="Who says so; else the login name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Replace an address in the audit log by a pseudonym, and blank what the person wrote.

    The chain stays whole. It cannot be undone.
    """
    from workflows.domain.entitlements import email_of
    from workflows.errors import Refused
    from workflows.services import audit_erasure

    address = email_of(email)
    if "@" not in address or not reason.strip():
        wrong("Give an address and a reason.")
    operator = f"operator:{by.strip() or getpass.getuser()}"
    with open_stored(writes=True) as (stored, _):
        try:
            rows = len(audit_erasure.concerned(stored, address))
            if not rows:
                typer.echo(f"Nothing to do: no row of the audit log has {address} in it.")
                return
            if not yes:
                typer.confirm(f"Erase {address} from {rows} rows for good?", abort=True)
            erased = audit_erasure.erase(stored, address, reason.strip(), by=operator)
        except Refused as refusal:
            failed(str(refusal))
    typer.echo(f"{erased.rows} rows have {erased.pseudonym} where {address} was.")
