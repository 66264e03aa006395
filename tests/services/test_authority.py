"""Rights that are asked of W&B itself at the moment of effect."""

from tests.builders import ADA, ADMIN, BOB, ORGANIZATION, VISION, a_grant, terms
from tests.services.rig import Rig
from workflows.domain.policy import (
    ApproverSpec,
    ChatGroup,
    NamedPerson,
    OrganizationAdmins,
    Policy,
    TeamAdmins,
)
from workflows.services.authority import Authority


def may(rig: Rig, spec: ApproverSpec) -> bool:
    """Whether Ada's approval of a grant in vision still holds, where the policy asks for that."""
    rig.rewire(policy=Policy(defaults=terms(approvers=(spec,))))
    return Authority(rig.deps).complaint_about(a_grant(approvers=(ADA,))) is None


def test_each_kind_of_approver_is_asked_for_where_it_lives(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    rig.groups.known["S1"] = frozenset({ADA})

    assert may(rig, TeamAdmins())
    assert not may(rig, OrganizationAdmins())
    assert may(rig, NamedPerson(ADA))
    assert not may(rig, NamedPerson(BOB))
    assert may(rig, ChatGroup("S1"))
    assert not may(rig, ChatGroup("S2"))


def test_an_organization_admin_is_one_in_w_and_b(sqlite_rig: Rig) -> None:
    sqlite_rig.directory.put(ADA, ORGANIZATION, ADMIN)

    assert may(sqlite_rig, OrganizationAdmins())


def test_w_and_b_is_asked_once_for_each_person_and_place(sqlite_rig: Rig) -> None:
    rig = sqlite_rig
    authority = Authority(rig.deps)
    rig.directory.calls.clear()

    assert authority.is_admin(ADA, VISION)
    assert authority.is_admin(ADA, VISION)

    assert [call[0] for call in rig.directory.calls] == ["read"]


def test_nobody_without_an_account_is_an_admin(sqlite_rig: Rig) -> None:
    authority = Authority(sqlite_rig.deps)
    sqlite_rig.directory.delete_person(ADA)

    assert not authority.is_admin(ADA, VISION)
