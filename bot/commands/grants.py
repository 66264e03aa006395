"""`wandb-access grants …`: access that is open, and ending it as whoever runs the bot."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands import said, tables
from bot.commands.database import open_stored
from bot.commands.exits import failed

if TYPE_CHECKING:
    from workflows.domain.drift import Instead
    from workflows.domain.grants import Grant

commands = typer.Typer(
    help="Access that is open: list it, end it. Works beside a running bot.",
    invoke_without_command=True,
)


@commands.callback()
def list_open(
    context: typer.Context,
    person: Annotated[str, typer.Option("--person", help="Only of this address.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the access that is open: approved, given, or over and not taken back yet."""
    if context.invoked_subcommand is not None:
        return
    from workflows.services import revocation
    from workflows.services.overview import everywhere_instead

    address = said.address(person) if person else None
    with open_stored() as (stored, _), stored.look() as work:
        found = revocation.listed(work, address)
        instead = everywhere_instead(work, found, now=stored.clock())
    for line in _json(found, instead) if as_json else _table(found, instead):
        typer.echo(line)


@commands.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="As listed; its beginning is enough.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept, and told to the person.")],
    by: Annotated[str, typer.Option("--by", help="Who says so; else the login name.")] = "",
) -> None:
    """End somebody's access before its time. The running bot takes it back, and tells them."""
    from workflows.errors import NotFound, Refused
    from workflows.services import revocation

    why = said.reason(reason, "Say with --reason why it ends.")
    operator = said.operator(by)
    with open_stored(writes=True) as (stored, _):
        try:
            ended = revocation.revoke(
                stored.begin, said.readable(id), by=operator, reason=why, now=stored.clock()
            )
        except (NotFound, Refused) as error:
            failed(str(error))
    what = tables.plain(f"{ended.role.name} in {ended.place} for {ended.person}")
    typer.echo(
        f"{what} is over ({tables.plain(operator)}). The running bot takes it back within seconds, "
        "or when it is started; `wandb-access grants` lists it until it is gone."
    )


# ── drawing ──────────────────────────────────────────────────────────────────────────────────────


def _json(open_grants: "Sequence[Grant]", instead: "Mapping[str, Instead]") -> Iterator[str]:
    for grant in open_grants:
        shown = instead.get(grant.id)
        row = {
            "id": grant.id,
            "person": grant.person,
            "place": str(grant.place),
            "role": grant.role.name,
            "status": grant.status.value,
            "issued_at": grant.issued_at.isoformat(),
            "ends_at": grant.ends_at.isoformat() if grant.ends_at else None,
            "instead": _json_of(shown) if shown else None,
        }
        yield json.dumps(row, ensure_ascii=False)


def _json_of(shown: "Instead") -> dict[str, str | None]:
    return {"role": shown.held.name if shown.held else None, "word": shown.word.value}


def _columns(instead: "Mapping[str, Instead]") -> "Sequence[tables.Column[Grant]]":
    return (
        ("ID", lambda grant: grant.id[: tables.SHOWN_ID]),
        ("WHO", lambda grant: grant.person),
        ("WHERE", lambda grant: str(grant.place)),
        ("ROLE", lambda grant: grant.role.name),
        ("STATUS", lambda grant: "changed" if grant.id in instead else grant.status.value),
        ("SINCE (UTC)", lambda grant: _minute(grant.issued_at)),
        ("ENDS (UTC)", lambda grant: _minute(grant.ends_at) if grant.ends_at else "never"),
    )


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _table(open_grants: "Sequence[Grant]", instead: "Mapping[str, Instead]") -> Iterator[str]:
    from bot.views import phrases

    if not open_grants:
        yield "No access is open."
        return
    yield from tables.lines(_columns(instead), open_grants)
    for id, shown in instead.items():
        yield tables.plain(f"{id[: tables.SHOWN_ID]}: {phrases.plain_changed(shown)}")
