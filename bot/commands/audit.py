"""`wandb-access audit …`: work with the audit log."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.database import open_database
from bot.commands.exits import wrong

commands = typer.Typer(help="Work with the audit log.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Keep `export` a command of its own while it is the only one."""


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
