"""The stored copy of the roster: whole, newest, and read again only when it changed."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import NOW, STEWARD, VIEWER, a_roster
from workflows.domain.entitlements import ADMIN, MEMBER, EmailAddress, email_of
from workflows.domain.roster import Roster, RosterPerson, RosterTeam
from workflows.storage.database import Database
from workflows.storage.roster_store import RosterStore
from workflows.storage.unit_of_work import Work

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
emails = words.map(lambda text: EmailAddress(email_of(text + "@corp.example")))
roles = st.sampled_from([None, VIEWER, MEMBER, ADMIN, STEWARD])
people = st.builds(
    RosterPerson,
    account=words,
    username=words,
    name=words,
    email=emails,
    emails=st.frozensets(emails, max_size=3),
    active=st.booleans(),
    organization_role=roles,
)
teams = st.builds(RosterTeam, id=words, name=words, roles=st.dictionaries(words, roles, max_size=3))


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    """Any reading, with everything under its own key."""
    found = draw(st.lists(people, max_size=4))
    named = draw(st.lists(teams, max_size=3))
    return Roster(
        read_at=NOW + timedelta(microseconds=draw(st.integers(0, 10**9))),
        people={one.account: one for one in found},
        teams={one.name: one for one in named},
        custom_roles=draw(st.sampled_from([{}, {STEWARD.name: STEWARD}])),
        groups=draw(st.dictionaries(words, st.frozensets(emails, max_size=3), max_size=2)),
    )


@given(roster=rosters())
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_reading_comes_back_as_it_was(sqlite: Database, roster: Roster) -> None:
    with sqlite.write() as connection:
        connection.exec_driver_sql("DELETE FROM roster")
        RosterStore().save(connection, roster)
        found = RosterStore().load(connection)

    assert found == roster


def test_without_a_reading_there_is_none(database: Database) -> None:
    with Work(database).look() as looked:
        assert looked.roster() is None


def test_the_last_reading_is_kept_even_when_the_clock_went_back(database: Database) -> None:
    work = Work(database)
    first, last = a_roster(read_at=NOW + timedelta(hours=1)), a_roster()
    for roster in (first, last):
        with work.begin() as begun:
            begun.keep_roster(roster)

    with work.look() as looked:
        assert looked.roster() == last


def test_a_reading_of_another_process_is_seen(database: Database) -> None:
    one, other = Work(database), Work(database)
    with one.begin() as begun:
        begun.keep_roster(a_roster())
    with other.look() as looked:
        assert looked.roster() == a_roster()

    newer = replace(a_roster(), read_at=NOW + timedelta(seconds=1), groups={"S1": frozenset()})
    with one.begin() as begun:
        begun.keep_roster(newer)

    with other.look() as looked:
        assert looked.roster() == newer
        assert looked.roster() is looked.roster()
