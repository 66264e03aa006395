"""The command line `wandb-access`. Imports what a command needs only when it runs: help is quick.

Exit codes: 0 done · 1 it did not work · 2 something you gave is wrong (each mistake on a line).
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:  # SQLModel is slow to import
    from workflows.storage.database import Database

cli = typer.Typer(
    name="wandb-access",
    help="Weights & Biases access by way of Slack: asked for, approved, and ended by itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
policy_cli = typer.Typer(help="Work with policy files.", no_args_is_help=True)
audit_cli = typer.Typer(help="Work with the audit log.", no_args_is_help=True)
cli.add_typer(policy_cli, name="policy")
cli.add_typer(audit_cli, name="audit")


@cli.command()
def run() -> None:
    """Start the bot: HTTP with its health pages, and Socket Mode when SLACK_APP_TOKEN is set.

    Settings come from the environment, or from a file `.env` in this folder; the README lists them.
    """
    from bot.settings import SettingsError, load_settings

    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        _wrong("\n".join([str(error), *_policy_mistakes(os.environ.get("POLICY_FILE"))]))
    from bot import logs
    from bot.app import AlreadyRunning, build
    from bot.server import serve
    from workflows.policy_file import PolicyFileError
    from workflows.storage.schema import SchemaIsNewer

    _check_folder(settings.database_url.get_secret_value())
    logs.configure(settings.log_level_number)
    try:
        bot = build(settings)
    except PolicyFileError as error:
        _wrong(str(error))
    except (AlreadyRunning, SchemaIsNewer) as error:
        _failed(str(error))
    except Exception as error:
        _failed(_database_trouble(error))
    try:
        with bot:
            serve(bot.http, settings.host, settings.port, on_stop=bot.wind_down)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).partition(" (")[0]  # without the address
        _failed(f"Port {settings.port} on {settings.host} cannot be opened: {reason}.")


@cli.command()
def migrate() -> None:
    """Bring the database at DATABASE_URL to this version's schema. `run` does so by itself."""
    from workflows.storage import schema

    try:
        with _database() as database:
            schema.migrate(database)
    except schema.SchemaIsNewer as error:
        _failed(str(error))
    typer.echo("The database is up to date.")


@policy_cli.command("check")
def policy_check(file: Annotated[Path, typer.Argument(help="The policy file.")]) -> None:
    """Say whether FILE is a policy, or name every mistake in it with its line."""
    from workflows import policy_file

    try:
        policy = policy_file.load(file)
    except policy_file.PolicyFileError as error:
        _wrong(str(error))
    for warning in policy_file.warnings(policy):
        typer.echo(f"Note: {warning}")
    rules = len(policy.rules)
    typer.echo(f"{file} is a policy with {rules} rule{'' if rules == 1 else 's'}.")


@audit_cli.command("export")
def audit_export(
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, for a spreadsheet.")] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON, one object a line.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; standard output without it.")
    ] = None,
) -> None:
    """Write every fact there is, oldest first: who, what, when, before, after, by which rule."""
    if csv == json:
        _wrong("Say --csv or --json, one of them.")
    from workflows.services import audit
    from workflows.storage.unit_of_work import Work

    write = audit.write_csv if csv else audit.write_json
    with _database() as database, Work(database).look() as work:
        if output is None:
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # a TextIOWrapper
            write(work.audit.all(), sys.stdout)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                write(work.audit.all(), file)
        except OSError as error:
            _wrong(f"{output} cannot be written: {error.strerror}")


@contextmanager
def _database() -> "Iterator[Database]":
    """The database of DATABASE_URL, closed after use. What it refuses ends the command."""
    from sqlalchemy.exc import SQLAlchemyError

    from bot.settings import SettingsError, load_database_url
    from workflows.storage.database import Database

    try:
        url = load_database_url(os.environ).get_secret_value()
    except SettingsError as error:
        _wrong(str(error))
    _check_folder(url)
    try:
        database = Database(url)
        try:
            yield database
        finally:
            database.close()
    except SQLAlchemyError as error:
        _failed(_database_trouble(error))


def _policy_mistakes(file: str | None) -> list[str]:
    """What is wrong with the policy as well, so that nobody has to start twice to hear it."""
    from workflows import policy_file

    if not file or not Path(file).is_file():
        return []
    try:
        policy_file.load(Path(file))
    except policy_file.PolicyFileError as error:
        return [str(error)]
    return []


def _check_folder(url: str) -> None:
    """SQLite makes a file, but no folder for it. The first to take the address apart."""
    from sqlalchemy.exc import ArgumentError

    from workflows.storage.database import sqlite_file

    try:
        file = sqlite_file(url)
    except (ArgumentError, ValueError):  # their texts show parts of it
        _wrong(
            "DATABASE_URL cannot be taken apart: give sqlite:///file.db or "
            "postgresql://user:password@host:5432/name"
        )
    if file is not None and not file.parent.is_dir():
        _wrong(f"DATABASE_URL names a file in a folder that is not there: {file.parent}")


def _database_trouble(error: Exception) -> str:
    """A sentence without the address, which has a password in it; or the bug itself."""
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, SQLAlchemyError | OSError):
        raise error
    return (
        f"The database cannot be used ({type(error).__name__}). Look at DATABASE_URL: is the "
        "server up, do user and password fit, may this process write there? A new database gets "
        "its tables from `wandb-access migrate`."
    )


def _wrong(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)


def _failed(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)


def main() -> None:
    """The entry point that the package installs."""
    cli()


if __name__ == "__main__":
    main()
