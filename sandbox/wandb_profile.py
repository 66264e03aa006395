"""The ways in which W&B servers differ, as switches of the stand-in.

Sources: the W&B SCIM page (https://docs.wandb.ai/platform/hosting/iam/scim), its older versions,
and the server release notes (https://docs.wandb.ai/release-notes/server-releases). The defaults
are the newest single-tenant server. Switches marked "assumed" are ours: W&B documents neither
side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Profile:
    """One flavour and version of a W&B server."""

    name: str = "newest-st"
    deployment: Literal["st", "mt"] = "st"
    emails_shape: Literal["array", "object"] = "array"  # object before 0.80.1
    empty_list: Literal["[]", "null"] = "[]"  # null before 0.80.1
    list_service_accounts: bool = True  # since 0.81.0, with `accountType` and creation over SCIM
    bearer_enabled: bool = True  # since 0.79.0
    basic_enabled: bool = True
    get_returns_roles: Literal["all", "groups_only", "none"] = "all"  # printed examples show none
    activity_fields: bool = True  # daysActive, lastActiveAt: since December 2025
    seat_fields: bool = True  # modelsSeat, weaveRole: since 0.80.0
    seat_exhaustion: Literal["error", "degrade"] = "error"
    seat_error_status: int = 400  # assumed: only the text "Seat limit reached" is documented
    team_roles_replace: Literal["upsert", "replace_all"] = "upsert"  # assumed
    role_put: Literal["replace", "metadata"] = "replace"
    members_case: Literal["pascal", "lower"] = "pascal"
    paging: Literal["ignore", "honour"] = "ignore"
    page_size: int = 9999  # documented maximum; a test lowers it
    bare_remove_with_value: Literal["one", "everyone"] = "everyone"
    pathless_group_patch: bool = True  # since 0.80.1
    string_boolean: Literal["reject", "ignore", "accept"] = "reject"
    graphql: Literal["members", "silent", "relogin"] = "members"
    base_paths: tuple[str, ...] = ("/scim", "/scim/v2")
    etags: bool = True  # since 0.74.0


_ALL = (
    Profile(),
    Profile(name="newest-mt", deployment="mt"),
    Profile(
        name="st-0.79",
        emails_shape="object",
        empty_list="null",
        list_service_accounts=False,
        bearer_enabled=False,
        activity_fields=False,
        seat_fields=False,
        get_returns_roles="none",
        pathless_group_patch=False,
    ),
    Profile(name="get-without-roles", get_returns_roles="none"),
    Profile(name="groups-only", get_returns_roles="groups_only"),
    Profile(name="scim-v2-only", base_paths=("/scim/v2",)),
    Profile(name="scim-only", base_paths=("/scim",)),
    Profile(name="replace-all", team_roles_replace="replace_all"),
    Profile(name="lowercase-members", members_case="lower"),
    Profile(name="no-etags", etags=False),
    Profile(name="graphql-silent", get_returns_roles="none", graphql="silent"),
    Profile(name="graphql-relogin", get_returns_roles="none", graphql="relogin"),
    Profile(name="seats-degrade", seat_exhaustion="degrade"),
    Profile(name="paged", paging="honour", page_size=2),
    Profile(name="cut-off", paging="ignore", page_size=2),
)

PROFILES: Mapping[str, Profile] = MappingProxyType({profile.name: profile for profile in _ALL})
"""Every profile that the tests run against, by name."""
