"""Who is calling: the three header forms of the SCIM page, GraphQL's, and the audit log's.

Sources: https://docs.wandb.ai/platform/hosting/iam/scim ("Authentication") and the W&B SDK, which
sends `Basic base64("api:" + key)` to GraphQL.
"""

import base64
import binascii
from typing import Literal

from sandbox.wandb_records import Key, Problem, User
from sandbox.wandb_rules import Rules
from sandbox.wandb_wire import Call

Realm = Literal["scim", "graphql", "audit"]


def authenticate(world: Rules, call: Call, realm: Realm) -> Key:
    """The key of a call with its owner as they are now; 401 or 403 if it may not be used here."""
    scheme, _, rest = call.header("authorization").partition(" ")
    allowed = {
        "bearer": realm == "scim" and world.profile.bearer_enabled,
        "basic": realm != "scim" or world.profile.basic_enabled,
    }
    if not allowed.get(scheme.lower(), False):
        raise Problem(401, "Authentication failed")
    name, secret = None, rest.strip()
    if scheme.lower() == "basic":
        name, _, secret = _decoded(secret).partition(":")
    key = world.state.keys.get(secret)
    if key is None:
        raise Problem(401, "Authentication failed")
    owner = _present(world, key.owner)
    if name is not None and name.casefold() != _expected_name(owner, realm).casefold():
        raise Problem(401, "Authentication failed")
    if realm != "graphql" and not _may_manage(owner):
        raise Problem(403, "Insufficient permissions")
    if not key.organization:
        # The words are those of the audit log page; the status is assumed.
        raise Problem(
            403,
            "user is associated with multiple organizations but no valid org ID found in user info",
        )
    return Key(owner, key.organization)


def _may_manage(owner: User) -> bool:
    """Administrators and service accounts of the organization, not those of a team."""
    if owner.kind == "USER":
        return owner.org_role == "admin"
    return owner.kind == "ORG_SERVICE"


def _present(world: Rules, owner: User) -> User:
    """The owner today. Deleting a service account does not revoke its keys."""
    today = world.state.users.get(owner.id)
    if today is None and owner.kind != "USER":
        return owner
    if today is None or not today.active or not today.in_org:
        raise Problem(401, "Authentication failed")
    return today


def _expected_name(owner: User, realm: Realm) -> str:
    if realm == "graphql":
        return "api"
    return owner.username if owner.kind == "USER" else ""


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Problem(401, "Authentication failed") from None
