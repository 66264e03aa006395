"""One HTTP call and its answer as plain data, and how the stand-in records what it saw."""

import json
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from sandbox.wandb_records import User
from sandbox.wandb_rules import Rules

USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
TEAMS_SCHEMA = "urn:ietf:params:scim:schemas:extension:teams:2.0:User"
WANDB_SCHEMA = "urn:ietf:params:scim:schemas:extension:wandb:2.0:User"
LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `path` is still percent-encoded, `query` has no question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        """A header by its name in any case, or an empty string."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")

    def json(self) -> Any:
        """The decoded body, or None when it is empty or not JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. `reset` means no answer: the connection breaks. `hang` is in seconds."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    reset: bool = False
    hang: float = 0.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """One call as seen on the wire. `status` is 0 when no answer left; `caller` is a user name."""

    method: str
    path: str
    query: str
    body: Any
    status: int
    at: datetime
    caller: str
    applied: bool


@dataclass(frozen=True, slots=True)
class Request:
    """What a SCIM handler gets after routing and authentication. `body` is empty for GET."""

    world: Rules
    caller: User
    key: str  # the path segment after the resource, decoded; empty for a collection
    query: Mapping[str, str]
    body: Mapping[str, Any]
    if_match: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler gives back. `version` becomes the ETag; `body` None means no body."""

    status: int
    body: Any = None
    version: int | None = None


def tag(version: int) -> str:
    """The weak entity tag of a version, in the form W&B prints."""
    return f'W/"{version:06x}"'


def html(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer from a proxy or a web page rather than from the API."""
    body = f"<html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>"
    return Answer(status, {"content-type": "text/html", **(headers or {})}, body.encode())


def to_answer(reply: Reply, content_type: str, *, etags: bool) -> Answer:
    """Encode a handler's reply."""
    headers: dict[str, str] = {}
    if etags and reply.version is not None:
        headers["etag"] = tag(reply.version)
    if reply.body is None:
        return Answer(reply.status, headers)
    headers["content-type"] = content_type
    return Answer(reply.status, headers, json.dumps(reply.body).encode())


def scim_error(status: int, detail: str) -> Answer:
    """A SCIM Error. W&B writes the status as a string and never sends `scimType`."""
    body = {"schemas": [ERROR_SCHEMA], "detail": detail, "status": str(status)}
    return to_answer(Reply(status, body), "application/scim+json", etags=False)


def listing(request: Request, resources: Iterable[Any]) -> Reply:
    """A ListResponse; index and count are ignored unless the profile honours paging."""
    profile = request.world.profile
    found = list(resources)
    start, count = 1, profile.page_size
    if profile.paging == "honour":
        start = max(1, _integer(request.query.get("startIndex"), 1))
        count = max(0, min(count, _integer(request.query.get("count"), count)))
    page: list[Any] | None = found[start - 1 : start - 1 + count]
    body = {
        "Resources": empty_as(profile.empty_list, page),
        "itemsPerPage": profile.page_size,
        "schemas": [LIST_SCHEMA],
        "startIndex": start,
        "totalResults": len(found),
    }
    return Reply(200, body)


def empty_as(shape: str, items: list[Any] | None) -> list[Any] | None:
    """An empty list as this server prints it: `[]`, or `null` before 0.80.1."""
    return None if not items and shape == "null" else items


def _integer(text: str | None, otherwise: int) -> int:
    try:
        return int(text) if text is not None else otherwise
    except ValueError:
        return otherwise


def call_of(request: httpx.Request) -> Call:
    """The call that an httpx request makes."""
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    return Call(request.method, path, query, dict(request.headers), request.read())


def transport(handle: Callable[[Call], Answer]) -> httpx.MockTransport:
    """An httpx transport that answers in the same process, without sockets and without waiting.

    A hang becomes `httpx.ReadTimeout` at once, a broken connection `httpx.ReadError`.
    """

    def answer(request: httpx.Request) -> httpx.Response:
        given = handle(call_of(request))
        if given.hang:
            raise httpx.ReadTimeout("the stand-in does not answer in time", request=request)
        if given.reset:
            raise httpx.ReadError("the stand-in broke the connection", request=request)
        return httpx.Response(given.status, headers=dict(given.headers), content=given.body)

    return httpx.MockTransport(answer)


def decoded(segment: str) -> str:
    """A path segment without its percent-encoding; `=` may also come raw."""
    return urllib.parse.unquote(segment)
