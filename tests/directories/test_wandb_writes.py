"""What is sent to W&B: the smallest call, to one person in one place, and read back."""

from dataclasses import replace

import pytest

from sandbox.wandb_faults import Fault
from tests.directories.contract import (
    ADA,
    BOB,
    EVE,
    SPEECH,
    VISION,
)
from tests.directories.wandb_rig import Rigs, WandbRig
from workflows.domain.entitlements import ADMIN, MEMBER, VIEWER, Organization, email_of
from workflows.errors import DirectoryChanged, DirectoryRejected, DirectoryUnavailable


def test_a_whole_list_is_not_written_blindly(rigs: Rigs) -> None:
    rig = rigs("get-without-roles")
    rig.person(BOB)
    rig.team("vision", {BOB: "viewer"})
    rig.directory.roster()
    seen = rig.directory.read(BOB, VISION, account=None)

    with pytest.raises(DirectoryRejected, match="put them back"):
        rig.directory.put_back_others(seen, {"speech": "admin"})
    with pytest.raises(DirectoryRejected, match="at once"):
        rig.directory.set_role(BOB, VISION, MEMBER, seen=seen)

    assert rig.really(BOB, VISION) == "viewer"


@pytest.mark.parametrize(
    "answer",
    [
        Fault(method="PATCH", status=404),
        Fault(method="PATCH", status=400, answer=b'{"scimType": "noTarget", "status": "400"}'),
    ],
    ids=["404", "noTarget"],
)
def test_who_is_out_already_is_out(rig: WandbRig, answer: Fault) -> None:
    seen = rig.directory.read(BOB, VISION, account=None)
    rig.standin.set_team_role(BOB, "vision", None)
    rig.api.faults.add(answer)

    assert rig.directory.set_role(BOB, VISION, None, seen=seen).held is None


def test_a_refused_addition_or_removal_is_told(rig: WandbRig) -> None:
    seen = rig.directory.read(BOB, VISION, account=None)
    rig.api.faults.add(Fault(method="PATCH", status=400, times=3))

    with pytest.raises(DirectoryRejected, match="fault on demand"):
        rig.directory.set_role(BOB, VISION, None, seen=seen)
    with pytest.raises(DirectoryRejected, match="fault on demand"):
        rig.directory.set_role(EVE, VISION, MEMBER, seen=replace(seen, held=None))


def test_an_addition_that_does_not_show_yet_sends_nothing_blindly(rig: WandbRig) -> None:
    seen = rig.directory.read(EVE, VISION, account=None)
    rig.api.faults.add(Fault(method="PATCH", stale_reads=5.0))

    back = rig.directory.set_role(EVE, VISION, ADMIN, seen=seen)

    assert back.held is None
    assert [each.path.split("/")[2] for each in rig.api.writes()] == ["Groups"]


def test_an_invitation_that_answers_with_somebody_else_is_refused(rig: WandbRig) -> None:
    stranger = b'{"id": "x", "userName": "x", "emails": [{"value": "x@corp.example"}]}'
    rig.api.faults.add(Fault(method="POST", status=201, answer=stranger))

    with pytest.raises(DirectoryRejected, match="another account"):
        rig.directory.invite(email_of("zoe@corp.example"))


def test_nothing_is_put_back_for_an_account_that_is_gone(rig: WandbRig) -> None:
    seen = rig.directory.read(BOB, VISION, account=None)
    rig.standin.delete_person(BOB)

    with pytest.raises(DirectoryRejected, match="gone"):
        rig.directory.put_back_others(seen, {"speech": "admin"})


def test_membership_costs_one_read_one_write_and_one_look_back(rig: WandbRig) -> None:
    seen = rig.directory.read(EVE, VISION, account=None)
    rig.directory.set_role(EVE, VISION, MEMBER, seen=seen)

    assert rig.seen() == ["GET Users", "PATCH Groups", "GET Users"]


def test_a_role_for_a_member_costs_one_conditional_write(rig: WandbRig) -> None:
    seen = rig.directory.read(BOB, VISION, account=None)
    rig.seen()

    rig.directory.set_role(BOB, VISION, ADMIN, seen=seen)

    pair = [{"roleName": "admin", "teamName": "vision"}]
    written = rig.api.writes()[-1].body["Operations"]
    assert written == [{"op": "replace", "path": "teamRoles", "value": pair}]
    assert rig.seen() == ["PATCH Users", "GET Users"]


def test_a_role_that_was_changed_meanwhile_is_not_overwritten(rig: WandbRig) -> None:
    seen = rig.directory.read(BOB, VISION, account=None)
    rig.standin.set_team_role(BOB, "vision", "admin")

    with pytest.raises(DirectoryChanged):
        rig.directory.set_role(BOB, VISION, MEMBER, seen=seen)

    assert rig.really(BOB, VISION) == "admin"


def test_a_removal_names_one_person_by_filter(rig: WandbRig) -> None:
    seen = rig.directory.read(BOB, VISION, account=None)

    rig.directory.set_role(BOB, VISION, None, seen=seen)

    path = f'members[value eq "{seen.account}"]'
    assert rig.api.writes()[-1].body["Operations"] == [{"op": "remove", "path": path}]


def test_a_team_that_was_made_anew_is_found_by_its_name(rig: WandbRig) -> None:
    rig.standin.delete_team("vision")
    rig.standin.add_team("vision", {ADA: "admin"})
    seen = rig.directory.read(EVE, VISION, account=None)

    assert rig.directory.set_role(EVE, VISION, MEMBER, seen=seen).held == MEMBER
    assert rig.directory.set_role(EVE, VISION, None, seen=seen).held is None


def test_a_team_that_is_gone_takes_access_with_it(rig: WandbRig) -> None:
    seen = rig.directory.read(BOB, VISION, account=None)
    rig.standin.delete_team("vision")

    assert rig.directory.set_role(BOB, VISION, None, seen=seen).held is None
    with pytest.raises(DirectoryRejected, match="no team vision"):
        rig.directory.set_role(EVE, VISION, MEMBER, seen=replace(seen, held=None))


def test_what_a_write_has_cost_elsewhere_is_put_back_and_then_spared(rigs: Rigs) -> None:
    rig = rigs("replace-all")
    rig.person(BOB)
    rig.team("vision", {BOB: "viewer"})
    rig.team("speech", {BOB: "admin"})
    seen = rig.directory.read(BOB, VISION, account=None)

    back = rig.directory.set_role(BOB, VISION, ADMIN, seen=seen)
    assert back.others == {"speech": "member"}
    rig.directory.put_back_others(back, {"speech": "admin"})

    assert rig.really(BOB, SPEECH) == "admin"
    assert rig.dialects[-1].whole_team_roles
    seen = rig.directory.read(BOB, VISION, account=None)
    assert seen.held == ADMIN
    rig.directory.set_role(BOB, VISION, VIEWER, seen=seen)
    assert rig.really(BOB, SPEECH) == "admin"
    assert rig.really(BOB, VISION) == "viewer"


def test_a_lost_membership_elsewhere_is_put_back_too(rig: WandbRig) -> None:
    seen = rig.directory.read(BOB, VISION, account=None)
    rig.standin.set_team_role(BOB, "speech", None)

    rig.directory.put_back_others(seen, {"speech": "admin"})

    assert rig.really(BOB, SPEECH) == "admin"
    assert rig.really(BOB, VISION) == "viewer"


def test_an_address_is_matched_by_the_primary_one_only(rigs: Rigs) -> None:
    rig = rigs("newest-mt")
    rig.standin.add_person("ann", "ann@corp.example", extra_emails=["eve@corp.example"])

    assert rig.directory.read(EVE, VISION, account=None).account is None
    with pytest.raises(DirectoryRejected, match="another account"):
        rig.directory.invite(EVE)


def test_capital_letters_in_an_address_make_no_second_account(rig: WandbRig) -> None:
    account = rig.standin.add_person("zoe", "Zoe.Q@Corp.Example")

    assert (
        rig.directory.read(email_of("zoe.q@corp.example"), VISION, account=None).account == account
    )


def test_a_taken_user_name_is_made_unique_with_the_domain(rig: WandbRig) -> None:
    rig.directory.invite(email_of("eve@other.example"))

    assert rig.standin.id_of("eve-other")
    assert rig.api.writes()[-1].body == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "eve-other",
        "emails": [{"value": "eve@other.example", "primary": True}],
    }


def test_an_invitation_whose_answer_was_lost_is_found_the_next_time(rig: WandbRig) -> None:
    zoe = email_of("zoe@corp.example")
    rig.api.faults.add(Fault(method="POST", phase="after", hang=60.0))

    with pytest.raises(DirectoryUnavailable):
        rig.directory.invite(zoe)

    assert rig.directory.invite(zoe) == rig.standin.id_of(zoe)
    assert [each.method for each in rig.api.writes()] == ["POST"]


@pytest.mark.parametrize("profile", ["newest-st", "seats-degrade"])
def test_no_free_seat_is_said_in_words(rigs: Rigs, profile: str) -> None:
    rig = rigs(profile)
    rig.person(EVE)
    rig.standin.seats["full"] = 1

    with pytest.raises(DirectoryRejected, match="no free seat"):
        rig.directory.invite(email_of("zoe@corp.example"))


def test_a_role_in_the_organization_is_one_conditional_write(rig: WandbRig) -> None:
    seen = rig.directory.read(EVE, Organization(), account=None)
    rig.directory.set_role(EVE, Organization(), ADMIN, seen=seen)

    written = rig.api.writes()[-1].body["Operations"]
    assert written == [{"op": "replace", "path": "organizationRole", "value": "admin"}]


def test_a_write_that_did_not_take_is_returned_as_it_is(rig: WandbRig) -> None:
    seen = rig.directory.read(BOB, VISION, account=None)
    rig.api.faults.add(Fault(method="PATCH", ignored_write=True))

    back = rig.directory.set_role(BOB, VISION, ADMIN, seen=seen)

    assert back.held == VIEWER
