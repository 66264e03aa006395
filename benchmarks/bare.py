"""The other side of the ratios: Bolt and SQLAlchemy Core with nothing of ours between them.

The database is opened the way that the bot opens its own, with the same settings; the statements
are made once, as ours are.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slack_bolt import Ack, App
from slack_bolt.authorization import AuthorizeResult
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    update,
)

from benchmarks.stage import BOT_TOKEN
from bot.views import request_modal, review_card
from sandbox.wandb_rules import wall_clock
from workflows.storage.database import Database, begin

_TABLES = MetaData()
_REQUESTS = Table(
    "bare_request",
    _TABLES,
    Column("id", Text, primary_key=True),
    Column("requester", Text),
    Column("place", Text),
    Column("role", Text),
    Column("reason", Text),
    Column("status", Text),
    Column("created_at", DateTime(timezone=True)),
    Column("version", Integer),
)
_AUDIT = Table(
    "bare_audit",
    _TABLES,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True)),
    Column("event", Text),
    Column("subject", Text, index=True),
    Column("detail", Text),
)
_JOBS = Table(
    "bare_job",
    _TABLES,
    Column("key", Text, primary_key=True),
    Column("kind", Text),
    Column("due_at", DateTime(timezone=True), index=True),
)

_ASK = insert(_REQUESTS)
_DECIDE = (
    update(_REQUESTS)
    .where(_REQUESTS.c.id == bindparam("decided"), _REQUESTS.c.status == "pending")
    .values(status="approved", version=_REQUESTS.c.version + 1)
)
_NOTE = insert(_AUDIT)
_OWE = insert(_JOBS)

_DETAIL = '{"after": "member", "before": "", "place": "team:team-0", "rule": "defaults"}'


class BareStore:
    """Requests in a table: one commit a call."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = itertools.count(1)
        with database.write() as connection:
            _TABLES.create_all(connection)

    def ask(self) -> str:
        """One insert."""
        id = f"bare-{next(self._numbers)}"
        now = wall_clock()
        with self._begin() as connection:
            row = {"id": id, "requester": "p0@corp.example", "place": "team:team-0"}
            more = {"role": "member", "reason": "a sweep", "status": "pending", "version": 1}
            connection.execute(_ASK, {**row, **more, "created_at": now})
        return id

    def decide(self, id: str) -> None:
        """A conditional update, an audit row and a job."""
        now = wall_clock()
        with self._begin() as connection:
            assert connection.execute(_DECIDE, {"decided": id}).rowcount == 1
            fact = {"at": now, "event": "RequestApproved", "subject": id, "detail": _DETAIL}
            connection.execute(_NOTE, fact)
            connection.execute(_OWE, {"key": f"ensure:{id}", "kind": "ensure", "due_at": now})

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        """As everybody does it: a connection of the pool for each transaction."""
        with self._database.engine.begin() as connection:
            if self._database.is_sqlite:
                begin(connection, "BEGIN IMMEDIATE")
            yield connection


def bare_app(
    *,
    on_click: Callable[[str], object],
    on_form: Callable[[], object],
    options: list[dict[str, object]] | None = None,
) -> App:
    """Bolt as it is in the bot, with three listeners that do what they are told and acknowledge."""
    authorized = AuthorizeResult(enterprise_id=None, team_id=None, bot_token=BOT_TOKEN)
    app = App(
        process_before_response=True,
        signing_secret="not asked for",
        token_verification_enabled=False,
        request_verification_enabled=False,
        authorize=lambda: authorized,
    )

    def clicked(ack: Ack, action: dict[str, str]) -> None:
        on_click(action["value"])
        ack()

    def sent(ack: Ack) -> None:
        on_form()
        ack()

    def asked(ack: Ack) -> None:
        ack(options=options or [])

    app.action(review_card.APPROVE)(clicked)
    app.view(request_modal.CALLBACK_ID)(sent)
    app.options(request_modal.TEAM_SEARCH)(asked)
    return app
