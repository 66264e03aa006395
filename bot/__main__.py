"""The command line `wandb-access`. Imports what a command needs only when it runs: help is quick.

Exit codes: 0 done · 1 it did not work · 2 something you gave is wrong (each mistake on a line).
"""

import gc
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands import audit, grants, policy, reconcile, stuck
from bot.commands.database import check_folder, open_database
from bot.commands.database_trouble import trouble
from bot.commands.exits import failed, wrong
from bot.commands.output import unwritable

if TYPE_CHECKING:
    from bot import metrics
    from bot.settings import Settings

cli = typer.Typer(
    name="wandb-access",
    help="Weights & Biases access by way of Slack: asked for, approved, and ended by itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text: it is piped, searched and read aloud
)
cli.add_typer(policy.commands, name="policy")
cli.add_typer(audit.commands, name="audit")
cli.add_typer(stuck.commands, name="stuck")
cli.add_typer(grants.commands, name="grants")


def _tell_version(asked: bool) -> None:
    if not asked:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        typer.echo(f"wandb-access {version('wandb-access-bot')}")
    except PackageNotFoundError:
        failed("wandb-access is run from a folder that is not installed: it has no version.")
    raise typer.Exit


@cli.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_tell_version, help="Say name and version."
        ),
    ] = False,
) -> None:
    """What can be said before any command."""


@cli.command()
def run() -> None:
    """Start the bot. HTTP with its health pages, and Socket Mode when SLACK_APP_TOKEN is set.

    Settings come from the environment, or from a file `.env` in this folder; the README lists them.
    """
    from bot.settings import SettingsError, load_settings

    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        wrong("\n".join([str(error), *policy.mistakes_in(os.environ.get("POLICY_FILE"))]))
    from bot import logs, metrics

    check_folder(settings.database_url.get_secret_value())
    logs.configure(settings.log_level_number)
    page = metrics.Page()
    beside = ExitStack()
    try:
        beside.enter_context(metrics.serving(page, settings.host, settings.metrics_port))
    except OSError as error:
        _refuse_second(settings)
        failed(_closed("METRICS_PORT", settings.metrics_port, settings.host, error))
    with beside:
        _run(settings, page)


def _run(settings: "Settings", page: "metrics.Page") -> None:
    from bot.app import AlreadyRunning, SeveralNames, build
    from bot.server import listen, serve
    from workflows.policy_file import PolicyFileError
    from workflows.storage.database import sqlite_file
    from workflows.storage.schema import SchemaUnfit

    try:
        bot = build(settings)
    except PolicyFileError as error:
        wrong(str(error))
    except (AlreadyRunning, SeveralNames, SchemaUnfit) as error:
        failed(str(error))
    except Exception as error:  # the database: one sentence says what is wrong. A bug: raised again
        failed(trouble(error, sqlite_file(settings.database_url.get_secret_value())))
    page.attach(bot.measured())
    try:  # before the bot begins: one that cannot be reached is to change nothing either
        listening = listen(settings.host, settings.port)
    except OSError as error:
        failed(_closed("PORT", settings.port, settings.host, error))
    gc.collect()
    gc.freeze()  # what is here now stays to the end: looking through it for garbage takes 50 ms
    with listening, bot:
        serve(bot.http, listening, on_stop=bot.wind_down)


def _refuse_second(settings: "Settings") -> None:
    """Say so if what has the port is another of us: its settings name the same port."""
    from bot.app import AlreadyRunning, SeveralNames, hold

    try:
        with ExitStack() as close:
            hold(settings.database_url.get_secret_value(), close)
    except (AlreadyRunning, SeveralNames) as error:
        failed(str(error))
    except OSError:
        return  # no second one, then: the port is said first, and the file when that is mended


def _closed(setting: str, port: int | None, host: str, error: OSError) -> str:
    reason = (error.strerror or type(error).__name__).partition(" (")[0]  # without the address
    return f"Port {port} on {host} cannot be opened: {reason}. Look at {setting} and HOST."


@cli.command()
def migrate() -> None:
    """Bring the database at DATABASE_URL to this version's schema. `run` does so by itself."""
    from workflows.storage import schema
    from workflows.storage.database import sqlite_file

    try:
        with open_database(new=True) as database:
            done = schema.migrate(database)
            file = sqlite_file(database.engine.url)
    except schema.SchemaUnfit as error:
        failed(str(error))
    where = "" if file is None else f" at {file.resolve()}"
    if done.before is None:
        typer.echo(f"A new database{where} was made, with schema {done.after}.")
    elif done.before != done.after:
        typer.echo(f"The database{where} went from schema {done.before} to {done.after}.")
    else:
        typer.echo(f"The database{where} is up to date (schema {done.after}).")


cli.command()(reconcile.reconcile)


def main() -> None:
    """The entry point that the package installs."""
    try:
        cli()
    except OSError:
        trouble = unwritable()
        if trouble is None:
            raise
        typer.echo(f"Standard output cannot be written: {trouble}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
