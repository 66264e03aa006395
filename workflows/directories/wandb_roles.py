"""Role names: W&B's texts to our roles, with the custom roles of the organization.

Predefined names ignore case, custom names do not, and nothing keeps an organization from calling a
custom role “Admin” (https://docs.wandb.ai/platform/hosting/iam/scim, “Manage custom roles”). Such a
name never makes an admin here.
"""

import logging
from collections.abc import Mapping

from workflows.directories.scim import ScimClient, ScimRefused
from workflows.directories.wandb_wire import role_of
from workflows.domain.entitlements import PREDEFINED, Rank, Role, custom_role
from workflows.errors import DirectoryRejected

log = logging.getLogger(__name__)

_BASES = ("member", "viewer")  # what a custom role may inherit from


class RoleNames:
    """The custom roles as last read. Safe to use from several threads."""

    def __init__(self, scim: ScimClient) -> None:
        self._scim = scim
        self._custom: Mapping[str, Role] | None = None  # those that shadow a predefined one too

    def load(self) -> Mapping[str, Role]:
        """Read `/Roles` anew; gives the custom roles that can be asked for, by name."""
        try:
            given = [role_of(body) for body in self._scim.pages("Roles")]
        except ScimRefused as refused:
            if refused.status not in (404, 405):  # an older server, without custom roles
                raise
            given = []
        custom = {role.name: _custom(role.name, role.inherits) for role in given}
        for name in sorted(filter(is_shadow, custom)):
            log.warning("custom role named like a predefined one", extra={"role": name})
        self._custom = custom
        return {name: role for name, role in custom.items() if not is_shadow(name)}

    def known(self, text: str) -> Role | None:
        """The role of this name as of the last reading; None when it is unknown or ambiguous."""
        custom = self._custom or {}
        if text in PREDEFINED:
            return None if text in custom else PREDEFINED[text]
        return custom.get(text) or PREDEFINED.get(text.lower())

    def role(self, text: str) -> Role:
        """The role of this name, asking W&B again about one that is new.

        One that W&B still does not list counts as a custom role of members. Raises
        `DirectoryRejected` for a name that a predefined and a custom role have in common.
        """
        if self._custom is None or (text not in PREDEFINED and text not in self._custom):
            self.load()
        found = self.known(text)
        if found is None and is_shadow(text):
            raise DirectoryRejected(
                f"A custom role in W&B is named “{text}” like a predefined one, so nobody can tell"
                " them apart; rename it in W&B."
            )
        return found or Role(text, Rank.MEMBER, custom=True)


def is_shadow(name: str) -> bool:
    """Whether a custom role of this name could be taken for a predefined one."""
    return name.strip().lower() in PREDEFINED


def _custom(name: str, inherits: str) -> Role:
    return custom_role(name, inherits if inherits in _BASES else "member")
