"""Accounts that W&B does not show yet, and accounts whose address changed."""

from dataclasses import replace
from datetime import timedelta

from tests.builders import ADMIN, EVE, HOUR, MEMBER
from tests.services.rig import Rig
from tests.services.watched import watch
from workflows.domain.durations import Span
from workflows.domain.entitlements import EmailAddress
from workflows.domain.grants import GrantStatus
from workflows.domain.standings import Reading

NEW = EmailAddress("new@corp.example")
EVE_NEW = EmailAddress("eve.new@corp.example")


def test_an_invited_account_that_is_not_shown_yet_is_waited_for(rig: Rig) -> None:
    id = rig.approved(requester=NEW)
    lags = iter([True])

    def lag(person: EmailAddress, account: str | None, reading: Reading) -> Reading:
        if person == NEW and reading.account is not None and next(lags, False):
            return Reading(account=None)
        return reading

    watch(rig, lag)
    rig.run()
    assert rig.grant(id).status is GrantStatus.ISSUED
    assert rig.held(NEW) is None

    rig.drain(timedelta(minutes=1))

    assert rig.grant(id).status is GrantStatus.ACTIVE
    assert rig.held(NEW) == MEMBER
    assert [one.email for one in rig.directory.accounts.values()].count(NEW) == 1


def test_under_a_new_address_nothing_is_given_while_the_old_ones_access_is_open(
    rig: Rig,
) -> None:
    old = rig.approved(role=MEMBER, duration=Span(3600))
    rig.run()
    account = rig.directory.account_of(EVE)
    renamed = replace(
        rig.directory.accounts[account], email=EVE_NEW, emails=frozenset({EVE, EVE_NEW})
    )
    rig.directory.accounts[account] = renamed
    rig.rosters.read()

    early = rig.approved(requester=EVE_NEW, role=ADMIN)
    rig.run()
    assert rig.grant(early).status is GrantStatus.FAILED
    assert f"still has access there that it got as {EVE}" in rig.grant(early).note
    assert rig.held(EVE_NEW) == MEMBER

    rig.wait(HOUR)
    assert rig.grant(old).status is GrantStatus.ENDED
    assert rig.held(EVE_NEW) is None
    rig.rosters.read()
    later = rig.approved(requester=EVE_NEW, role=ADMIN)
    rig.run()
    assert rig.grant(later).status is GrantStatus.ACTIVE
    rig.drain()
    assert rig.held(EVE_NEW) is None
