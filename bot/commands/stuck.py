"""`wandb-access stuck …`: what cannot be given or taken back yet, and what is done about it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands import said, tables
from bot.commands.database import Stored, open_stored
from bot.commands.exits import failed
from bot.commands.tables import SHOWN_ID, plain

if TYPE_CHECKING:
    from workflows.domain.stuck import StuckItem

MOST = 60  # characters of a reason in the table; --json has all of it

commands = typer.Typer(
    help="What cannot be given or taken back yet. Works beside a running bot.",
    invoke_without_command=True,
)

_Id = Annotated[str, typer.Argument(metavar="ID", help="As listed; its beginning is enough.")]


@commands.callback()
def list_stuck(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List what cannot be given or taken back yet. Exit code 0: nothing, 1: something."""
    if context.invoked_subcommand is not None:
        return
    from workflows.services import stuck

    with open_stored() as (stored, _), stored.look() as work:
        now = stored.clock()
        items = stuck.listed(work, now=now)
        why = work.gate.load().why
    draw = _json if as_json else _table
    for line in draw(items, now):
        typer.echo(line)
    if why and not as_json:
        typer.echo(f"W&B refuses the key, so nothing is tried: {plain(why)}", err=True)
    if items:
        raise typer.Exit(1)


@commands.command("retry")
def retry(id: _Id) -> None:
    """Have the bot try it now."""
    from workflows.services import stuck

    with _one(id) as stored:
        item = stuck.retry(stored.begin, id, now=stored.clock())
    typer.echo(f"{_what(item)} is due now; `wandb-access stuck` shows what comes of it.")


@commands.command("resolve")
def resolve(
    id: _Id,
    reason: Annotated[str, typer.Option("--reason", help="How it was settled; kept and told.")],
    by: Annotated[str, typer.Option("--by", help="Who says so; else the login name.")] = "",
) -> None:
    """Say that it was settled by hand. The bot stops trying; W&B is not read back for it."""
    from workflows.services import stuck

    how = said.reason(reason, "Say with --reason how it was settled.")
    operator = said.operator(by)
    with _one(id) as stored:
        item = stuck.resolve(stored.begin, id, by=operator, reason=how, now=stored.clock())
    typer.echo(
        f"{_what(item)} counts as settled by hand ({plain(operator)}). What the bot had sent "
        "without an answer is still taken back if it lands within the hour."
    )


@contextmanager
def _one(id: str) -> Iterator[Stored]:
    """The database; what names nothing, or too much, ends the command."""
    from workflows.errors import NotFound, Refused

    with open_stored(writes=True) as (stored, _):
        try:
            yield stored
        except (NotFound, Refused) as error:
            failed(str(error))


# ── drawing ──────────────────────────────────────────────────────────────────────────────────────


def _what(item: "StuckItem") -> str:
    role = f"{item.role.name} in " if item.role else ""
    return plain(f"{item.direction}: {role}{item.place} for {item.person}")


def _json(items: "Sequence[StuckItem]", now: datetime) -> Iterator[str]:
    for item in items:
        row = {
            "id": item.id,
            "direction": item.direction,
            "person": item.person,
            "place": str(item.place),
            "role": item.role.name if item.role else None,
            "since": item.since.isoformat(),
            "reason": item.reason,
            "attempts": item.attempts,
            "last_error": item.last_error,
            "next_try": item.next_try.isoformat() if item.next_try else None,
        }
        yield json.dumps(row, ensure_ascii=False)


def _columns(now: datetime) -> "Sequence[tables.Column[StuckItem]]":
    return (
        ("ID", lambda item: item.id if " " in item.id else item.id[:SHOWN_ID]),
        ("WHAT", lambda item: item.direction),
        ("WHO", lambda item: item.person),
        ("WHERE", lambda item: str(item.place)),
        ("ROLE", lambda item: item.role.name if item.role else "-"),
        ("SINCE (UTC)", lambda item: f"{item.since:%Y-%m-%d %H:%M}"),
        ("TRIES", lambda item: str(item.attempts)),
        ("NEXT TRY", lambda item: _until(item.next_try, now)),
        ("WHY", lambda item: _cut(item.last_error or item.reason)),
    )


def _table(items: "Sequence[StuckItem]", now: datetime) -> Iterator[str]:
    if not items:
        yield "Nothing is stuck."
        return
    yield from tables.lines(_columns(now), items)


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    seconds = round((moment - now).total_seconds())
    if seconds <= 0:
        return "now"
    return f"in {seconds} s" if seconds < 60 else f"in {seconds // 60} min"


def _cut(text: str) -> str:
    return text if len(text) <= MOST else text[: MOST - 1] + "…"
