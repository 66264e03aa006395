"""Slack id ↔ e-mail address: who counts as somebody, and for how long an answer is believed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from bot.people import REMEMBERED, TO_DECIDE, Member, People
from bot.slack_api import new_client
from sandbox.slack_faults import ErrorCode, HttpStatus, Lost, SlackFault
from sandbox.slack_server import SlackServer
from sandbox.slack_world import SlackWorld
from workflows.domain.entitlements import EmailAddress
from workflows.errors import NotifierUnavailable, Refused

EVE = EmailAddress("eve@corp.example")


@dataclass
class Workspace:
    """A workspace, and the people as the bot finds them; `now` counts seconds."""

    world: SlackWorld
    people: People
    clock: list[float] = field(default_factory=list)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.clock[0] += seconds

    def asked(self, method: str = r"users\..*") -> int:
        """How often Slack was asked."""
        return len(self.world.called(method))


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """One with nobody in it."""
    world = SlackWorld()
    clock = [1000.0]
    with SlackServer(world) as server:
        client = new_client(world.bot_token, server.url, timeout=2)
        yield Workspace(world, People(client, clock=lambda: clock[0]), clock)


def test_a_member_has_an_address_in_lower_case_and_a_time_zone(workspace: Workspace) -> None:
    eve = workspace.world.add_user("eve", "Eve@Corp.Example", tz="Europe/Berlin")
    assert workspace.people.get(eve) == Member(eve, EVE, ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize("tz", [None, "", "Atlantis/Capital", "../etc/passwd", 7])
def test_a_time_zone_that_is_none_is_utc(tz: object, workspace: Workspace) -> None:
    user = {"id": "U1", "profile": {"email": EVE}, "tz": tz}
    answer = HttpStatus(200, json.dumps({"ok": True, "user": user}))
    workspace.world.faults.add(SlackFault("users.info", answer))
    assert workspace.people.get("U1") == Member("U1", EVE, UTC)


Add = Callable[[SlackWorld], str]


@pytest.mark.parametrize(
    "add",
    [
        lambda world: world.add_user("eve", EVE, is_bot=True),
        lambda world: world.add_user("eve", EVE, deleted=True),
        lambda world: world.add_user("eve", EVE, is_restricted=True),
        lambda world: world.add_user("eve", EVE, is_ultra_restricted=True),
        lambda world: world.add_user("eve", EVE, is_stranger=True),
        lambda world: world.add_user("eve", None),
        lambda world: "U0NOBODY",
    ],
    ids=["bot", "deactivated", "guest", "single-channel guest", "stranger", "no address", "none"],
)
def test_who_is_no_full_member_is_refused_in_words(add: Add, workspace: Workspace) -> None:
    somebody = add(workspace.world)
    with pytest.raises(Refused, match="full members of this workspace"):
        workspace.people.get(somebody)
    assert workspace.people.find(EVE) is None


def test_an_answer_is_believed_for_ten_minutes(workspace: Workspace) -> None:
    eve = workspace.world.add_user("eve", EVE)
    workspace.people.get(eve)
    workspace.later(REMEMBERED)
    workspace.people.get(eve)
    assert workspace.asked() == 1
    workspace.later(1)
    workspace.people.get(eve)
    assert workspace.asked() == 2


def test_to_decide_it_is_asked_again_after_a_minute(workspace: Workspace) -> None:
    ada = workspace.world.add_user("ada", "ada@corp.example")
    workspace.people.get(ada)
    workspace.world.deactivate(ada)
    workspace.later(TO_DECIDE + 1)
    assert workspace.people.get(ada).email == "ada@corp.example", "good enough to look"
    with pytest.raises(Refused):
        workspace.people.get(ada, max_age=TO_DECIDE)


def test_who_was_found_by_id_is_known_by_address_and_the_other_way_round(
    workspace: Workspace,
) -> None:
    eve = workspace.world.add_user("eve", EVE)
    ada = workspace.world.add_user("ada", "ada@corp.example")
    workspace.people.get(eve)
    found = workspace.people.find(EmailAddress("ada@corp.example"))
    assert found is not None
    workspace.people.find(EVE)
    workspace.people.get(ada)
    assert workspace.asked() == 2


def test_that_nobody_has_an_address_is_remembered_too(workspace: Workspace) -> None:
    assert workspace.people.find(EVE) is None
    eve = workspace.world.add_user("eve", EVE)
    assert workspace.people.find(EVE) is None
    workspace.later(REMEMBERED + 1)
    found = workspace.people.find(EVE)
    assert found is not None
    assert found.slack_id == eve
    assert workspace.asked() == 2


def test_a_changed_address_is_another_person(workspace: Workspace) -> None:
    eve = workspace.world.add_user("eve", EVE)
    workspace.people.get(eve)
    workspace.world.set_email(eve, "eve.new@corp.example")
    workspace.later(TO_DECIDE + 1)
    assert workspace.people.get(eve, max_age=TO_DECIDE).email == "eve.new@corp.example"


def test_mentions_are_of_those_who_are_known_and_ask_nobody(workspace: Workspace) -> None:
    eve = workspace.world.add_user("eve", EVE)
    workspace.world.add_user("ada", "ada@corp.example")
    workspace.people.get(eve)
    everybody = [EVE, EmailAddress("ada@corp.example"), EmailAddress("none@corp.example")]
    assert workspace.people.mentions(everybody) == {EVE: eve}
    assert workspace.asked() == 1


def test_a_user_group_is_its_members_with_an_address(workspace: Workspace) -> None:
    eve = workspace.world.add_user("eve", EVE)
    guest = workspace.world.add_user("gus", "gus@else.example", is_restricted=True)
    workspace.world.add_usergroup("S0APPROVERS", [eve, guest])
    assert workspace.people.members("S0APPROVERS") == {EVE}
    workspace.people.members("S0APPROVERS")
    assert workspace.asked("users.info") == 2, "each person was asked about once"
    assert workspace.asked("usergroups.users.list") == 2, "the group each time"


def test_a_group_that_is_gone_has_no_members(workspace: Workspace) -> None:
    assert workspace.people.members("S0NOWHERE") == frozenset()


def test_a_group_that_slack_does_not_show_is_not_an_empty_one(workspace: Workspace) -> None:
    workspace.world.add_usergroup("S0APPROVERS", [])
    refusing = SlackFault("usergroups.users.list", ErrorCode("permission_denied"))
    workspace.world.faults.add(refusing)
    with pytest.raises(NotifierUnavailable, match="S0APPROVERS: permission_denied"):
        workspace.people.members("S0APPROVERS")


def test_a_slack_that_is_down_is_not_a_stranger_and_is_not_remembered(
    workspace: Workspace,
) -> None:
    eve = workspace.world.add_user("eve", EVE)
    workspace.world.down()
    with pytest.raises(NotifierUnavailable):
        workspace.people.get(eve)
    with pytest.raises(NotifierUnavailable):
        workspace.people.find(EVE)
    workspace.world.up()
    assert workspace.people.get(eve).email == EVE


@pytest.mark.parametrize("code", ["missing_scope", "not_allowed_token_type"])
def test_a_slack_that_refuses_to_show_people_is_unavailable(
    code: str, workspace: Workspace
) -> None:
    eve = workspace.world.add_user("eve", EVE)
    refusing = SlackFault(r"users\..*", ErrorCode(code), times=2)
    workspace.world.faults.add(refusing)
    with pytest.raises(NotifierUnavailable, match=code):
        workspace.people.get(eve)
    with pytest.raises(NotifierUnavailable, match=code):
        workspace.people.find(EVE)


def test_a_group_member_who_cannot_be_read_makes_the_group_unavailable(
    workspace: Workspace,
) -> None:
    eve = workspace.world.add_user("eve", EVE)
    workspace.world.add_usergroup("S0APPROVERS", [eve])
    workspace.world.faults.add(SlackFault("users.info", Lost()))
    with pytest.raises(NotifierUnavailable):
        workspace.people.members("S0APPROVERS")
