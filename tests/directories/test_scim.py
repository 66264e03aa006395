"""SCIM at the wire: what is sent, and which error every kind of bad answer becomes."""

import json
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from workflows.directories.dialect import ApiKey, Dialect
from workflows.directories.scim import ScimClient, ScimRefused
from workflows.directories.wire import MAX_BODY, MAX_WAIT, Wire, wait_asked_for
from workflows.errors import (
    AccessError,
    DirectoryChanged,
    DirectoryClosed,
    DirectoryRejected,
    DirectoryUnavailable,
)

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
KEY = "canary-0123456789-0123456789-0123456789-01"
Answering = Callable[[httpx.Request], httpx.Response]
Clients = Callable[..., ScimClient]


@pytest.fixture
def clients() -> Iterator[Clients]:
    opened: list[httpx.Client] = []

    def make(
        answer: Answering | httpx.Response, seconds: Iterator[float] | None = None
    ) -> ScimClient:
        handler = answer if callable(answer) else lambda request: answer
        http = httpx.Client(
            base_url="https://wandb.example", transport=httpx.MockTransport(handler)
        )
        opened.append(http)
        ticks = seconds or iter(lambda: 0.0, None)
        wire = Wire(http, clock=lambda: NOW, monotonic=lambda: next(ticks))
        return ScimClient(wire, ApiKey(KEY), Dialect())

    yield make
    for http in opened:
        http.close()


def _error(status: int, detail: str) -> httpx.Response:
    body = {"detail": detail, "status": str(status)}
    return httpx.Response(status, json=body)


def _list(*ids: str, total: int | None = None) -> httpx.Response:
    items = [{"id": each} for each in ids]
    return httpx.Response(200, json={"Resources": items, "totalResults": total or len(items)})


def _raising(error: Exception) -> Answering:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def _not_gzip() -> httpx.Response:
    return httpx.Response(200, headers={"content-encoding": "gzip"}, content=iter([b"plain"]))


HTML = {"content-type": "text/html"}
FAMILIES: list[tuple[str, Answering | httpx.Response, type[AccessError]]] = [
    ("cannot connect", _raising(httpx.ConnectError(f"no {KEY}")), DirectoryUnavailable),
    ("time-out", _raising(httpx.ReadTimeout(KEY)), DirectoryUnavailable),
    ("reset", _raising(httpx.RemoteProtocolError(KEY)), DirectoryUnavailable),
    ("bad header", _raising(httpx.LocalProtocolError(KEY)), DirectoryUnavailable),
    ("bad gzip", lambda request: _not_gzip(), DirectoryUnavailable),
    ("redirect", httpx.Response(302, headers={"location": "/login"}), DirectoryUnavailable),
    ("429", httpx.Response(429, headers={"retry-after": "7"}), DirectoryUnavailable),
    ("500", _error(500, "oops"), DirectoryUnavailable),
    ("502", httpx.Response(502, headers=HTML, text="<h1>502</h1>"), DirectoryUnavailable),
    ("503", httpx.Response(503), DirectoryUnavailable),
    ("504", httpx.Response(504), DirectoryUnavailable),
    ("empty", httpx.Response(200), DirectoryUnavailable),
    ("truncated", httpx.Response(200, content=b'{"id": "a", "na'), DirectoryUnavailable),
    ("HTML", httpx.Response(200, headers=HTML, text="<html>"), DirectoryUnavailable),
    ("a list for an object", httpx.Response(200, json=[1]), DirectoryUnavailable),
    ("deep", httpx.Response(200, content=b"[" * 200_000), DirectoryUnavailable),
    ("not UTF-8", httpx.Response(200, content=b'{"id": "\xff"}'), DirectoryUnavailable),
    ("404 of a proxy", httpx.Response(404, headers=HTML, text="<h1>"), DirectoryUnavailable),
    ("401", _error(401, "Authentication failed"), DirectoryClosed),
    ("403", _error(403, "Insufficient permissions"), DirectoryClosed),
    ("412", _error(412, "ETag mismatch"), DirectoryChanged),
    ("400", _error(400, "unknown role"), DirectoryRejected),
    ("409", _error(409, "User already exists"), DirectoryRejected),
    ("405 without words", httpx.Response(405), DirectoryRejected),
    ("a seat, 400", _error(400, "Seat limit reached"), DirectoryRejected),
    ("a seat, 500", _error(500, "SEAT LIMIT REACHED for org"), DirectoryRejected),
]


@pytest.mark.parametrize(
    ("answer", "kind"), [case[1:] for case in FAMILIES], ids=[case[0] for case in FAMILIES]
)
def test_every_bad_answer_is_one_of_four_errors_and_holds_no_key(
    clients: Clients, answer: Answering | httpx.Response, kind: type[AccessError]
) -> None:
    client = clients(answer)

    with pytest.raises(AccessError) as raised:
        client.get("Users", "a")

    assert isinstance(raised.value, kind)
    shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value.__context__)
    assert KEY not in shown


def test_a_refusal_carries_the_servers_words_in_one_short_line(clients: Clients) -> None:
    client = clients(_error(400, "bad\n  role \x1b[31m" + "x" * 500))

    with pytest.raises(ScimRefused, match=r"W&B said no \(400\): bad role \[31mx+$") as raised:
        client.post("Users", {})

    assert raised.value.status == 400
    assert len(str(raised.value)) < 240


def test_a_key_that_the_server_echoes_is_hidden(clients: Clients) -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return _error(400, "you sent " + request.headers["authorization"])

    with pytest.raises(DirectoryRejected, match=r"you sent Bearer \[key\]"):
        clients(echo).post("Users", {})


def test_a_shortage_of_seats_is_said_in_words(clients: Clients) -> None:
    with pytest.raises(DirectoryRejected, match="no free seat"):
        clients(_error(402, "seat limit Reached")).post("Users", {})


def test_a_resource_that_is_not_there_is_none(clients: Clients) -> None:
    assert clients(_error(404, "User not found")).get("Users", "a") is None
    assert clients(httpx.Response(404, text="user not found")).get("Users", "a") is None


def test_a_patch_may_be_answered_without_a_body(clients: Clients) -> None:
    assert clients(httpx.Response(204)).patch("Users", "a", {}).body == {}


def test_an_endless_body_is_cut_off(clients: Clients) -> None:
    def endless() -> Iterator[bytes]:
        piece = b" " * (8 * 1024 * 1024)
        for _ in range(MAX_BODY // len(piece) + 1):
            yield piece

    with pytest.raises(DirectoryUnavailable, match="too large"):
        clients(lambda request: httpx.Response(200, content=endless())).get("Users", "a")


def test_a_dripping_body_is_cut_off(clients: Clients) -> None:
    client = clients(httpx.Response(200, json={"id": "a"}), iter([0.0, 121.0]))

    with pytest.raises(DirectoryUnavailable, match="too long"):
        client.get("Users", "a")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "315360000"}, MAX_WAIT),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 10 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Tue, 10 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 10 Mar 2036 12:00:00 GMT"}, MAX_WAIT),
        (
            {
                "retry-after": "Tue, 10 Mar 2026 13:00:30 GMT",
                "date": "Tue, 10 Mar 2026 13:00:00 GMT",
            },
            30.0,
        ),
        ({"ratelimit-reset": "12"}, 12.0),
        ({"ratelimit-reset": str(int(NOW.timestamp()) + 20)}, 20.0),
        ({"ratelimit-reset": "later"}, None),
        ({"retry-after": "3", "ratelimit-reset": "12"}, 3.0),
        ({"retry-after": "-3", "ratelimit-reset": "12"}, 12.0),
    ],
)
def test_how_long_to_wait_is_read_within_bounds(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert wait_asked_for(headers, now=NOW) == seconds


def test_the_wait_goes_with_the_error(clients: Clients) -> None:
    client = clients(httpx.Response(429, headers={"Retry-After": "7"}))

    with pytest.raises(DirectoryUnavailable) as raised:
        client.get("Users", "a")

    assert raised.value.retry_after == 7.0


def test_requests_say_who_we_are_and_what_we_speak(clients: Clients) -> None:
    sent: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"id": "a"})

    client = clients(record)
    client.patch("Users", "VXNlcjoxMDQy+/=", {"op": "replace"}, tag='W/"7f3a91"')

    request = sent[0]
    assert request.url.raw_path == b"/scim/Users/VXNlcjoxMDQy%2B%2F="
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["content-type"] == "application/scim+json"
    assert request.headers["user-agent"].startswith("wandb-access-bot/")
    assert request.headers["if-match"] == 'W/"7f3a91"'
    assert json.loads(request.content) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace"}],
    }


@pytest.mark.parametrize("resource_id", ["", ".", ".."])
def test_an_id_that_would_name_something_else_is_not_sent(
    clients: Clients, resource_id: str
) -> None:
    with pytest.raises(DirectoryRejected):
        clients(_list()).get("Users", resource_id)


@pytest.mark.parametrize("value", ["plain", 'a "quoted" name', "back\\slash", "ünï & =?#%", "a+b"])
def test_a_filter_carries_any_value_whole(clients: Clients, value: str) -> None:
    sent: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return _list()

    assert clients(record).find("Groups", "displayName", value) == []

    text = sent[0].url.params["filter"]
    assert dict(sent[0].url.params).keys() == {"filter"}
    assert json.loads(text.removeprefix("displayName eq ")) == value


class Pages:
    """A server that pages, and counts how it was asked."""

    def __init__(self, *pages: httpx.Response) -> None:
        self.pages = iter(pages)
        self.asked: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        return next(self.pages)


def _ids(found: list[Any]) -> list[str]:
    return [each["id"] for each in found]


def test_a_whole_list_is_asked_for_without_paging(clients: Clients) -> None:
    server = Pages(_list("a", "b"))

    assert _ids(clients(server).pages("Users")) == ["a", "b"]
    assert server.asked == [{}]


def test_pages_are_followed_to_the_end(clients: Clients) -> None:
    server = Pages(_list("a", "b", total=5), _list("c", "d", total=5), _list("e", total=5))

    assert _ids(clients(server).pages("Users")) == ["a", "b", "c", "d", "e"]
    assert [each.get("startIndex") for each in server.asked] == [None, "3", "5"]


@pytest.mark.parametrize(
    "pages",
    [
        (_list("a", "b", total=4), _list("a", "b", total=4)),
        (_list("a", "b", total=4), _list(total=4)),
        (_list("a", "b", total=4), _list("b", "c", total=4), _list(total=4)),
    ],
    ids=["the same again", "nothing more", "the order changed meanwhile"],
)
def test_a_partial_list_is_not_acted_on(
    clients: Clients, pages: tuple[httpx.Response, ...]
) -> None:
    with pytest.raises(DirectoryUnavailable, match="partial list"):
        clients(Pages(*pages)).pages("Users")


def test_a_double_in_a_list_counts_once(clients: Clients) -> None:
    assert _ids(clients(_list("a", "a", "b")).pages("Users")) == ["a", "b"]


@pytest.mark.parametrize(
    "body", [{"Resources": None, "totalResults": 0}, {"totalResults": 0}, {"Resources": []}]
)
def test_an_empty_list_has_many_shapes(clients: Clients, body: dict[str, object]) -> None:
    assert clients(httpx.Response(200, json=body)).pages("Users") == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Resources": None, "totalResults": 2},
        {"Resources": {}, "totalResults": 0},
        {"Resources": [], "totalResults": "0"},
        {"Resources": ["a"], "totalResults": 1},
        {"Resources": [{"id": 7}], "totalResults": 1},
        {"Resources": [{}], "totalResults": 1},
    ],
)
def test_what_is_no_list_is_not_taken_for_an_empty_one(
    clients: Clients, body: dict[str, object]
) -> None:
    with pytest.raises(DirectoryUnavailable):
        clients(httpx.Response(200, json=body)).pages("Users")
