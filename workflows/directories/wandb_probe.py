"""Find out once, at start, how this W&B server speaks and whose key we have.

The documentation names two base paths and three forms of authentication and W&B's flavours differ,
so it is tried, with one harmless read: https://docs.wandb.ai/platform/hosting/iam/scim.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar, get_args

import httpx

from workflows.directories.dialect import ApiKey, AuthForm, Base, Dialect
from workflows.directories.graphql import GraphQL
from workflows.directories.scim import (
    Resource,
    ScimClient,
    ScimRefused,
    json_in,
    listed,
    object_in,
)
from workflows.directories.wandb_wire import role_of, user_of
from workflows.directories.wire import AGENT, Answer, Wire, raise_if_sick
from workflows.errors import DirectoryClosed, DirectoryUnavailable
from workflows.ports import Clock

C = TypeVar("C", bound=str)

_BASES: tuple[Base, ...] = get_args(Base)
_NOBODY = AGENT.partition("/")[0]  # a user name to look for when we do not know our own


def probe(
    http: httpx.Client,
    key: str,
    username: str | None,
    remembered: Dialect | None,
    *,
    clock: Clock,
) -> Dialect:
    """How this server speaks; `remembered` is what the last start found, and is tried first.

    Raises `DirectoryUnavailable` and `DirectoryClosed` with a sentence that names the setting to
    mend. Closed also when the key now belongs to another organization than it did.
    """
    api_key = ApiKey(key, username)
    wire = Wire(http, clock=clock)
    found = _reach(wire, api_key, remembered or Dialect(auth=_forms(username)[0]))
    scim = ScimClient(wire, api_key, found)
    found = replace(found, organization=_organization(scim, found.organization))
    own = _own_account(scim, username or _viewer(GraphQL(wire, api_key)))
    return replace(found, own_account=own or found.own_account)


def _forms(username: str | None) -> tuple[AuthForm, ...]:
    return ("basic-user", "bearer", "basic-key") if username else ("bearer", "basic-key")


def _reach(wire: Wire, key: ApiKey, first: Dialect) -> Dialect:
    """The base path and form of authentication that get an answer from SCIM."""
    filter = f"userName eq {json.dumps(key.username or _NOBODY, ensure_ascii=False)}"
    seen = 0
    for base in _first(first.base, _BASES):
        for form in _first(first.auth, _forms(key.username)):
            dialect = replace(first, base=base, auth=form)
            answer = ScimClient(wire, key, dialect).probe("Users", filter)
            seen = answer.status
            if answer.status == httpx.codes.UNAUTHORIZED:
                continue  # another form may do; after a 403 none would
            if _is_scim(answer):
                return dialect
            break  # not here: the other base path
        else:
            raise DirectoryClosed(
                "W&B refuses the key (401). Check WANDB_API_KEY; with a person's key set"
                " WANDB_USERNAME too, or use that of an organization-scoped service account."
            )
    raise DirectoryUnavailable(
        f"There is no W&B SCIM API at WANDB_BASE_URL (the answer was {seen}). Check the address;"
        " SCIM is part of W&B Enterprise."
    )


def _first(known: C, others: tuple[C, ...]) -> Iterator[C]:
    """What worked last time, if it is still a choice, then the others."""
    if known in others:
        yield known
    yield from (other for other in others if other != known)


def _is_scim(answer: Answer) -> bool:
    """Whether this is a SCIM server's answer; raises when it is down or shut to us."""
    if answer.status == httpx.codes.FORBIDDEN:
        raise DirectoryClosed(
            "W&B does not let this key manage users (403). WANDB_API_KEY has to be the key of an"
            " organization admin or of an organization-scoped service account."
        )
    raise_if_sick(answer)
    if answer.status == httpx.codes.BAD_REQUEST:  # it understood, and has no such filter
        return isinstance(json_in(answer), dict)
    if answer.status != httpx.codes.OK or not isinstance(json_in(answer), dict):
        return False
    try:
        listed(object_in(answer))
    except DirectoryUnavailable:
        return False
    return True


def _organization(scim: ScimClient, remembered: str) -> str:
    """The organization that the key acts on, as far as custom roles show it.

    A person in several organizations acts on the one that their W&B settings name, which can be
    another one tomorrow.
    """
    try:
        shown = {role_of(body).organization for body in scim.pages("Roles")} - {""}
    except ScimRefused:  # an older server, without custom roles
        shown = set()
    if len(shown) > 1 or (remembered and shown and remembered not in shown):
        raise DirectoryClosed(
            "WANDB_API_KEY belongs to another organization than before. Use a key of the first one"
            " (or its “Default API organization”), or start with an empty DATABASE_URL."
        )
    return next(iter(shown), remembered)


def _viewer(graphql: GraphQL) -> str:
    try:
        return graphql.viewer()
    except DirectoryUnavailable:  # SCIM has just answered; this only helps
        return ""


def _own_account(scim: ScimClient, username: str) -> str:
    """The id of the account that the key belongs to, or an empty text."""
    if not username:
        return ""
    try:
        found = scim.find("Users", "userName", username)
    except ScimRefused:
        return ""
    users = [user_of(Resource(body)) for body in found]
    own = [user for user in users if user.username.lower() == username.lower()]
    return own[0].id if len(own) == 1 else ""
