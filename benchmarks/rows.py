"""Rows in bulk, made by the database itself: a million within seconds."""

from datetime import datetime

from sqlalchemy import text

from workflows.storage.database import Database

_NUMBERS = {
    "sqlite": (
        "WITH RECURSIVE numbers(n) AS "
        "(SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :beyond) "
    ),
    "postgresql": (
        "WITH numbers AS (SELECT generate_series("
        "CAST(:first AS integer), CAST(:beyond AS integer) - 1) AS n) "
    ),
}

_REQUESTS = (
    "INSERT INTO access_request (id, requester, place, role, duration, reason, origin, held, "
    "invites, rule, needed, created_at, lapses_at, status, settled_at, settled_by, note, version) "
    "{numbers} SELECT 'row-' || n, 'p' || (n % 10000) || '@corp.example', "
    "'team:team-' || (n % :teams), 'member', 'PT28800S', 'a sweep', 'origin-' || n, '', {no}, "
    "'defaults', 1, {past}, {past}, 'approved', {past}, 'ada@corp.example', '', 3 FROM numbers"
)
_GRANTS = (
    "INSERT INTO access_grant (id, person, place, role, approvers, invites, rule, issued_at, "
    "ends_at, status, activated_at, over_at, ended_by, note, stuck, version) "
    "{numbers} SELECT 'row-' || n, 'p' || (n % 10000) || '@corp.example', "
    "'team:team-' || (n % :teams), 'member', '[\"ada@corp.example\"]', {no}, 'defaults', {past}, "
    "{ends}, :status, {past}, NULL, '', '', '', 3 FROM numbers"
)


def add_grants(
    database: Database,
    first: int,
    count: int,
    *,
    status: str,
    issued_at: datetime,
    ends_at: datetime,
    teams: int = 1_000,
) -> None:
    """Requests and their grants, `row-<first>` and on. All end in the same second."""
    kind = database.engine.dialect.name
    words = {
        "numbers": _NUMBERS[kind],
        "no": "0" if kind == "sqlite" else "FALSE",
        "past": ":past" if kind == "sqlite" else "CAST(:past AS timestamptz)",
        "ends": ":ends" if kind == "sqlite" else "CAST(:ends AS timestamptz)",
    }
    given = {
        "first": first,
        "beyond": first + count,
        "teams": teams,
        "past": _moment(kind, issued_at),
        "ends": _moment(kind, ends_at),
        "status": status,
    }
    with database.write() as connection:
        for statement in (_REQUESTS, _GRANTS):
            connection.execute(text(statement.format(**words)), given)
    with database.engine.connect() as connection:
        fresh = connection.execution_options(isolation_level="AUTOCOMMIT")
        fresh.exec_driver_sql("ANALYZE")


def _moment(kind: str, moment: datetime) -> str:
    """As the column holds it: SQLite has text, without the zone that is always UTC."""
    if kind == "sqlite":
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    return moment.isoformat()
