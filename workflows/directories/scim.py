"""SCIM 2.0 by its book: RFC 7644 (protocol) over one pooled client. W&B's own ways are elsewhere.

Retries nothing: the outbox does, where it survives a crash. Every answer that is not a success
becomes one of four errors, see `_judge`; none of them holds the key or a body.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import httpx

from workflows.directories.dialect import ApiKey, Dialect
from workflows.directories.wire import Answer, Wire, raise_if_sick
from workflows.errors import (
    DirectoryChanged,
    DirectoryClosed,
    DirectoryRejected,
    DirectoryUnavailable,
)

Kind = Literal["Users", "Groups", "Roles"]

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"  # RFC 7644 §3.5.2
_MEDIA_TYPE = "application/scim+json"  # RFC 7644 §3.1
_DETAIL = 200  # characters of the server's words that are shown to people
_SEATS = "seat limit reached"  # W&B's words; the status that comes with them is not documented
_MAX_PAGES = 1000


class ScimRefused(DirectoryRejected):
    """The server's no, with its status and `scimType` (RFC 7644 §3.12) for who can go on."""

    def __init__(self, message: str, *, status: int, scim_type: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.scim_type = scim_type


@dataclass(frozen=True, slots=True)
class Resource:
    """One answered resource. `tag` is its entity tag (RFC 7644 §3.14) when a header gave one."""

    body: Mapping[str, Any] = field(default_factory=dict)
    tag: str | None = None


class ScimClient:
    """The calls that we make. Safe to use from several threads."""

    def __init__(self, wire: Wire, key: ApiKey, dialect: Dialect) -> None:
        self._wire = wire
        self._key = key
        self._base = dialect.base
        self._authorization = key.authorization(dialect.auth)

    def get(self, kind: Kind, resource_id: str) -> Resource | None:
        """One resource by its id (RFC 7644 §3.4.1); None when there is none."""
        try:
            return self._send("GET", f"/{kind}/{_segment(resource_id)}")
        except ScimRefused as refused:
            if refused.status != httpx.codes.NOT_FOUND:
                raise
            return None

    def find(self, kind: Kind, attribute: str, value: str) -> list[Mapping[str, Any]]:
        """All resources whose attribute equals the value (RFC 7644 §3.4.2.2: a JSON string).

        How the server compares is its affair: check what comes back.
        """
        return self.pages(kind, f"{attribute} eq {json.dumps(value, ensure_ascii=False)}")

    def pages(self, kind: Kind, filter: str = "") -> list[Mapping[str, Any]]:
        """Every resource of a list (RFC 7644 §3.4.2.4), each id once, complete or not at all.

        W&B documents no paging, so the first call asks for none. Raises `DirectoryUnavailable`
        when the server has more than it hands out.
        """
        found: dict[str, Mapping[str, Any]] = {}
        received = doubles = 0
        for _ in range(_MAX_PAGES):
            page, total = self._page(kind, filter, received, size=len(found))
            fresh = {item_id: item for item_id, item in page if item_id not in found}
            doubles += len(page) - len({item_id for item_id, _ in page})
            received += len(page)
            found |= fresh
            if len(found) >= total - doubles:
                return list(found.values())
            if not fresh:  # the same again: this server does not page
                break
        raise DirectoryUnavailable(
            f"W&B gave a partial list of {kind}: {len(found)} of {total}; it is not acted on."
        )

    def patch(
        self,
        kind: Kind,
        resource_id: str,
        operation: Mapping[str, object],
        *,
        tag: str | None = None,
    ) -> Resource:
        """Change one thing (RFC 7644 §3.5.2): one operation a request, as all of W&B's examples.

        `tag` makes it conditional; raises `DirectoryChanged` when it no longer fits.
        """
        body = {"schemas": [PATCH_OP], "Operations": [operation]}
        return self._send("PATCH", f"/{kind}/{_segment(resource_id)}", body, tag=tag)

    def post(self, kind: Kind, body: Mapping[str, object]) -> Resource:
        """Make a resource (RFC 7644 §3.3). Look first: a lost answer does not undo it."""
        return self._send("POST", f"/{kind}", body)

    def probe(self, kind: Kind, filter: str) -> Answer:
        """The bare answer to a filtered list, for finding out whether this is the right place."""
        return self._exchange("GET", f"/{kind}?filter={_quoted(filter)}")

    def _page(
        self, kind: Kind, filter: str, received: int, *, size: int
    ) -> tuple[list[tuple[str, Mapping[str, Any]]], int]:
        query = [f"filter={_quoted(filter)}"] if filter else []
        if received:
            query += [f"startIndex={received + 1}", f"count={size}"]
        target = f"/{kind}?{'&'.join(query)}" if query else f"/{kind}"
        return listed(self._send("GET", target).body)

    def _send(
        self,
        method: str,
        target: str,
        body: Mapping[str, object] | None = None,
        *,
        tag: str | None = None,
    ) -> Resource:
        return self._judge(self._exchange(method, target, body, tag=tag))

    def _exchange(
        self,
        method: str,
        target: str,
        body: Mapping[str, object] | None = None,
        *,
        tag: str | None = None,
    ) -> Answer:
        headers = {
            "Authorization": self._authorization,
            "Accept": f"{_MEDIA_TYPE}, application/json",
            "Content-Type": _MEDIA_TYPE,
        }
        if tag is not None:
            headers["If-Match"] = tag
        content = None if body is None else json.dumps(body).encode()
        return self._wire.exchange(method, self._base + target, headers=headers, body=content)

    def _judge(self, answer: Answer) -> Resource:
        if 200 <= answer.status < 300:
            if answer.status == httpx.codes.NO_CONTENT:
                return Resource(tag=answer.headers.get("etag"))
            return Resource(object_in(answer), answer.headers.get("etag"))
        if _SEATS in answer.body[:65_536].decode(errors="replace").lower():
            raise ScimRefused(
                "W&B has no free seat (“Seat limit reached”); an organization admin can free or"
                " buy one.",
                status=answer.status,
            )
        raise_if_sick(answer)
        match answer.status:
            case 401:
                raise DirectoryClosed("W&B refuses our key (401); check WANDB_API_KEY.")
            case 403:
                raise DirectoryClosed(
                    "W&B does not let our key manage users (403); it has to be an organization"
                    " admin's or an organization-scoped service account's.",
                    personal=True,
                )
            case 412:
                raise DirectoryChanged("It was changed in W&B since it was read.")
            case _:
                pass
        if answer.status < 400 or answer.is_html:
            raise DirectoryUnavailable(
                f"Something that is not W&B's API answered ({answer.status})."
            )
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> ScimRefused:
        given = json_in(answer)
        body = given if isinstance(given, dict) else {}
        detail = body.get("detail")
        words = " ".join(detail.split()) if isinstance(detail, str) else ""
        words = "".join(letter for letter in self._key.hide_in(words) if letter.isprintable())
        scim_type = body.get("scimType")
        return ScimRefused(
            f"W&B said no ({answer.status}){': ' if words else ''}{words[:_DETAIL]}",
            status=answer.status,
            scim_type=scim_type if isinstance(scim_type, str) else "",
        )


def json_in(answer: Answer) -> object:
    """The decoded body, or None when it is not JSON."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def object_in(answer: Answer) -> Mapping[str, Any]:
    """The JSON object in an answer; raises `DirectoryUnavailable` for anything else."""
    given = json_in(answer)
    if not isinstance(given, dict):
        raise DirectoryUnavailable(f"W&B answered something that is not SCIM ({answer.status}).")
    return given


def listed(body: Mapping[str, Any]) -> tuple[list[tuple[str, Mapping[str, Any]]], int]:
    """The items of a ListResponse with their ids, and how many there are in all.

    W&B printed empty lists as `null` before 0.80.1. Raises `DirectoryUnavailable` for what is no
    list at all.
    """
    items = body.get("Resources", _ABSENT)
    total = body.get("totalResults", _ABSENT)
    if items is _ABSENT and total != 0:
        raise DirectoryUnavailable("W&B answered something that is not a SCIM list.")
    page = [] if items is _ABSENT or items is None else items
    if total is _ABSENT and isinstance(page, list):
        total = len(page)
    if not isinstance(page, list) or isinstance(total, bool) or not isinstance(total, int):
        raise DirectoryUnavailable("W&B answered something that is not a SCIM list.")
    return [(_id_of(item), item) for item in page], total


def _id_of(item: object) -> str:
    item_id = item.get("id") if isinstance(item, dict) else None
    if not isinstance(item_id, str) or not item_id:
        raise DirectoryUnavailable("W&B listed something without an id.")
    return item_id


_ABSENT = object()


def _segment(resource_id: str) -> str:
    """An id as a path segment; W&B's examples leave `=` as it is."""
    if not resource_id.strip("."):  # `.` and `..` would name another resource (RFC 3986 §5.2.4)
        raise DirectoryRejected("W&B has no account or team with such an id.")
    return quote(resource_id, safe="=", errors="replace")


def _quoted(filter: str) -> str:
    return quote(filter, safe="", errors="replace")
