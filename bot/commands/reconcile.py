"""`wandb-access reconcile`: compare W&B with what is open, beside the bot or without it."""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands import policy as policies
from bot.commands.database import Stored, open_stored
from bot.commands.exits import failed, wrong
from bot.commands.tables import counted

if TYPE_CHECKING:
    from workflows.domain.policy import Policy
    from workflows.ports import Directory
    from workflows.services.reconcile import Difference


@dataclass(frozen=True)
class _Comparing(Stored):
    """What comparing needs besides the database."""

    policy: "Policy"
    directory: "Directory"


def reconcile(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what differs; change nothing.")
    ] = False,
) -> None:
    """Compare W&B with every open grant. What differs is a line each, and is taken up by the bot.

    Exit code 0: nothing differs, 1: something does (or W&B did not answer), 2: wrong settings.
    """
    from bot import wandb
    from bot.settings import SettingsError, load_settings
    from workflows import policy_file
    from workflows.errors import AccessError
    from workflows.services import reconcile as service

    try:
        settings = load_settings(os.environ)
        policy = policy_file.load(settings.policy_file)
    except SettingsError as error:
        wrong("\n".join([str(error), *policies.mistakes_in(os.environ.get("POLICY_FILE"))]))
    except policy_file.PolicyFileError as error:
        wrong(str(error))
    with open_stored(writes=not dry_run) as (stored, _), ExitStack() as close:
        directory = wandb.connect(settings, stored.begin, stored.look, stored.clock, close)
        world = _Comparing(stored.begin, stored.look, stored.clock, policy, directory)
        try:
            found = service.reconcile(world, dry_run=dry_run)
        except AccessError as error:
            failed(f"W&B could not be compared: {error}")
    for one in found.differences:
        typer.echo(_line(one, dry_run=dry_run))
    if found.differences:
        raise typer.Exit(1)
    typer.echo(f"No differences in {counted(found.compared, 'place')}.")


def _line(one: "Difference", *, dry_run: bool) -> str:
    """`eve@corp.example team:vision: expected member, found nothing; left, and told …`."""
    done = f"would be {one.done}" if dry_run and one.owed else one.done
    return f"{one.standing}: expected {one.expected}, found {one.found}; {done}"
