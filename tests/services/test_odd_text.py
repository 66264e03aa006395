"""Text in every field that looks like something else: it is stored and read as it was written."""

import pytest
from sqlalchemy import inspect

from tests.builders import ADMIN, OLGA
from tests.services.rig import Rig
from workflows.domain.entitlements import EmailAddress, Team, custom_role
from workflows.domain.grants import GrantStatus

ODD = (
    "'; DROP TABLE access_grant; --",
    '" OR 1=1 --',
    "%s %(x)s :x ? $1 {x} \\'",
    "Robert'); DELETE FROM audit WHERE ('1'='1",
)


@pytest.mark.parametrize("text", ODD)
def test_what_looks_like_sql_is_text_in_every_field(rig: Rig, text: str) -> None:
    person = EmailAddress(f"o'{text.replace(' ', '')}@corp.example".lower())
    place, role = Team(text), custom_role(f"{text} role", "member")
    rig.directory.add_person(person)
    rig.directory.custom_roles[role.name] = role
    rig.directory.add_team(text, {OLGA: ADMIN})
    rig.rosters.read()
    with rig.database.read() as connection:
        tables = set(inspect(connection).get_table_names())

    denied = rig.submit(requester=person, place=place, reason=text, origin=text)
    rig.deny(denied.id, OLGA, comment=text)
    given = rig.submit(requester=person, place=place, role=role, reason=text, origin=f"{text}2")
    rig.approve(given.id, OLGA)
    rig.run()

    assert rig.request(given.id).reason == rig.request(denied.id).decisions[0].comment == text
    assert rig.grant(given.id).status is GrantStatus.ACTIVE
    assert rig.held(person, place) == role
    rig.drain()
    assert rig.grant(given.id).status is GrantStatus.ENDED
    with rig.database.read() as connection:
        assert set(inspect(connection).get_table_names()) == tables
