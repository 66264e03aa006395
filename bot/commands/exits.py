"""How a command ends that cannot go on: 1 it did not work, 2 what you gave is wrong."""

from typing import NoReturn

import typer


def wrong(message: str) -> NoReturn:
    """Something that was given is wrong; each mistake on a line."""
    typer.echo(message, err=True)
    raise typer.Exit(2)


def failed(message: str) -> NoReturn:
    """It did not work, or something was found that needs a person."""
    typer.echo(message, err=True)
    raise typer.Exit(1)
