"""`wandb-access policy …`: work with policy files."""

from pathlib import Path
from typing import Annotated

import typer

from bot.commands.exits import wrong

commands = typer.Typer(help="Work with policy files.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Keep `check` a command of its own while it is the only one."""


@commands.command("check")
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy file.")]) -> None:
    """Say whether FILE is a policy. If not, name every mistake with its line."""
    from workflows import policy_file

    try:
        policy = policy_file.load(file)
    except policy_file.PolicyFileError as error:
        wrong(str(error))
    for warning in policy_file.warnings(policy):
        typer.echo(f"Note: {warning}")
    rules = len(policy.rules)
    typer.echo(f"{file} is a policy with {rules} rule{'' if rules == 1 else 's'}.")


def mistakes_in(file: str | None) -> list[str]:
    """What is wrong with the policy as well, so that nobody has to start twice to hear it."""
    from workflows import policy_file

    if not file or not Path(file).is_file():
        return []
    try:
        policy_file.load(Path(file))
    except policy_file.PolicyFileError as error:
        return [str(error)]
    return []
