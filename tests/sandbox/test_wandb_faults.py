"""Faults on demand, in the same process and over a socket."""

import threading
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.wandb_api import WandbApi
from sandbox.wandb_faults import Fault, too_many_requests
from sandbox.wandb_server import WandbServer
from sandbox.wandb_world import WandbWorld

KEY = "k" * 40
HEADERS = {"Authorization": f"Bearer {KEY}"}
ADD = {"Operations": [{"op": "add", "path": "members", "value": [{"value": "ben@x.example"}]}]}
DONE = {"ben@x.example": "member"}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 4, 16, 5, 41, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(clock: Clock) -> WandbApi:
    world = WandbWorld(clock=clock)
    world.add_person("ben", "ben@x.example")
    world.add_team("vision")
    world.add_service_account("bot", org=True)
    world.add_key(KEY, "bot")
    return WandbApi(world)


@pytest.fixture
def http(api: WandbApi) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=api.transport(), base_url="http://wandb.test", headers=HEADERS
    ) as client:
        yield client
    assert api.errors == []


def _group(api: WandbApi) -> str:
    return f"/scim/Groups/{api.world.team_named('vision').id}"


def test_a_429_says_how_long_to_wait_and_is_used_up(api: WandbApi, http: httpx.Client) -> None:
    api.faults.add(too_many_requests(7, method="PATCH", times=2))
    for _ in range(2):
        refused = http.patch(_group(api), json=ADD)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert api.world.members("vision") == {}
    assert http.patch(_group(api), json=ADD).status_code == 200
    assert [call.applied for call in api.writes()] == [False, False, True]


def test_a_502_is_a_page_and_may_come_after_the_change(api: WandbApi, http: httpx.Client) -> None:
    api.faults.add(Fault(method="PATCH", status=502, phase="after"))
    answer = http.patch(_group(api), json=ADD)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    assert api.world.members("vision") == DONE
    assert api.writes()[0].applied


def test_a_fault_can_be_about_one_body_only_and_can_wait_its_turn(
    api: WandbApi, http: httpx.Client
) -> None:
    def removes(body: Any) -> bool:
        return bool(body) and body["Operations"][0]["op"] == "remove"

    api.faults.add(Fault(path="/Groups/", body=removes, status=500))
    api.faults.add(Fault(method="GET", path="/Users", skip=1, status=500))
    assert http.patch(_group(api), json=ADD).status_code == 200
    remove = {"Operations": [{"op": "remove", "path": 'members[value eq "ben@x.example"]'}]}
    assert http.patch(_group(api), json=remove).status_code == 500
    assert [http.get("/scim/Users").status_code for _ in range(3)] == [200, 500, 200]


def test_an_answer_that_is_lost_after_the_change_breaks_the_connection(
    api: WandbApi, http: httpx.Client
) -> None:
    api.faults.add(Fault(drop_answer_after_apply=True))
    with pytest.raises(httpx.ReadError):
        http.patch(_group(api), json=ADD)
    assert api.world.members("vision") == DONE
    assert (api.calls[0].status, api.calls[0].applied) == (0, True)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_hang_is_a_read_timeout_before_or_after_the_change(
    api: WandbApi, http: httpx.Client, phase: Any
) -> None:
    api.faults.add(Fault(method="PATCH", hang=60, phase=phase))
    with pytest.raises(httpx.ReadTimeout):
        http.patch(_group(api), json=ADD)
    assert api.world.members("vision") == (DONE if phase == "after" else {})


def test_a_late_change_lands_when_its_time_has_come(
    api: WandbApi, http: httpx.Client, clock: Clock
) -> None:
    api.faults.add(Fault(method="PATCH", late_apply=30))
    assert http.patch(_group(api), json=ADD).status_code == 504
    http.get("/scim/Users")
    assert api.world.members("vision") == {}
    clock.advance(30)
    http.get("/scim/Users")
    assert api.world.members("vision") == DONE


def test_a_late_change_lands_when_the_test_says_so_unless_it_was_cleared(
    api: WandbApi, http: httpx.Client
) -> None:
    api.faults.add(Fault(method="PATCH", late_apply=30, times=None))
    http.patch(_group(api), json=ADD)
    api.faults.clear()
    api.faults.land()
    assert api.world.members("vision") == {}
    api.faults.add(Fault(method="PATCH", late_apply=30))
    http.patch(_group(api), json=ADD)
    api.faults.land()
    assert api.world.members("vision") == DONE


def test_reads_are_stale_for_a_while_after_a_write(
    api: WandbApi, http: httpx.Client, clock: Clock
) -> None:
    api.faults.add(Fault(method="PATCH", stale_reads=5))
    assert len(http.patch(_group(api), json=ADD).json()["members"]) == 1
    assert http.get(_group(api)).json()["members"] == []
    assert api.world.members("vision") == DONE
    clock.advance(5)
    assert len(http.get(_group(api)).json()["members"]) == 1


def test_an_ignored_write_is_answered_as_done(api: WandbApi, http: httpx.Client) -> None:
    api.faults.add(Fault(method="PATCH", ignored_write=True))
    answer = http.patch(_group(api), json=ADD)
    assert (answer.status_code, len(answer.json()["members"])) == (200, 1)
    assert http.get(_group(api)).json()["members"] == []
    assert not api.writes()[0].applied


def test_a_call_can_be_delivered_twice(api: WandbApi, http: httpx.Client) -> None:
    api.faults.add(Fault(method="POST", deliver_twice=True))
    new = {"displayName": "speech", "members": []}
    assert http.post("/scim/Groups", json=new).status_code == 409
    assert api.world.members("speech") == {}


def test_answers_can_be_cut_off_or_have_wrong_types(api: WandbApi, http: httpx.Client) -> None:
    api.faults.add(Fault(truncated=True))
    api.faults.add(Fault(wrong_type=True))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        http.get(_group(api)).json()
    wrong = http.get(_group(api)).json()
    assert wrong["members"] == "unexpected"
    assert wrong["displayName"] == [1]


def test_somebody_else_can_act_right_before_or_after_a_call(
    api: WandbApi, http: httpx.Client
) -> None:
    world = api.world
    tag = http.get(_group(api)).headers["etag"]
    other = Fault(method="PATCH", meanwhile=lambda: world.set_team_role("ben", "vision", "admin"))
    api.faults.add(other)
    answer = http.patch(_group(api), json=ADD, headers={"If-Match": tag})
    assert answer.status_code == 412
    assert world.team_role("ben", "vision") == "admin"
    sync = Fault(meanwhile=lambda: world.set_team_role("ben", "vision", None), phase="after")
    api.faults.add(sync)
    assert len(http.patch(_group(api), json=ADD).json()["members"]) == 1
    assert world.members("vision") == {}


def test_an_outage_ends_as_it_began(api: WandbApi, http: httpx.Client) -> None:
    api.down()
    assert http.get("/scim/Users").status_code == 503
    assert http.post("/graphql").status_code == 503
    api.up()
    assert http.get("/scim/Users").status_code == 200


@pytest.fixture
def server(api: WandbApi) -> Iterator[WandbServer]:
    with WandbServer(api) as server:
        yield server


@pytest.fixture
def remote(server: WandbServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=HEADERS, timeout=10, trust_env=False) as client:
        yield client


def test_the_server_answers_as_the_api_does(
    api: WandbApi, remote: httpx.Client, http: httpx.Client
) -> None:
    query = {"filter": 'userName eq "ben"'}
    over_socket = remote.get("/scim/Users", params=query)
    assert over_socket.json() == http.get("/scim/Users", params=query).json()
    assert over_socket.headers["content-type"] == "application/scim+json"
    assert remote.patch(_group(api), json=ADD).status_code == 200
    assert api.world.members("vision") == DONE
    assert remote.delete(f"/scim/Users/{api.world.id_of('ben')}").status_code == 204


def test_a_reset_over_the_socket_brings_back_the_start(api: WandbApi, remote: httpx.Client) -> None:
    remote.patch(_group(api), json=ADD)
    assert remote.get("/_sandbox/state").json()["teams"]["vision"]["ben"] == "member"
    assert remote.post("/_sandbox/reset").status_code == 204
    assert api.world.members("vision") == {}
    assert api.calls == []


def test_a_reset_connection_and_a_lost_answer_are_seen_as_such(
    api: WandbApi, remote: httpx.Client
) -> None:
    api.faults.add(Fault(reset=True))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        remote.patch(_group(api), json=ADD)
    assert api.world.members("vision") == {}
    api.faults.add(Fault(drop_answer_after_apply=True))
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        remote.patch(_group(api), json=ADD)
    assert api.world.members("vision") == DONE
    assert remote.get(_group(api)).status_code == 200


def test_a_hanging_answer_runs_into_the_clients_own_timeout(
    api: WandbApi, remote: httpx.Client
) -> None:
    api.faults.add(Fault(method="PATCH", hang=60, phase="after"))
    with pytest.raises(httpx.ReadTimeout):
        remote.patch(_group(api), json=ADD, timeout=0.1)
    assert api.world.members("vision") == DONE
    assert remote.get("/scim/Users").status_code == 200


def test_a_hang_that_is_short_enough_is_answered(api: WandbApi, remote: httpx.Client) -> None:
    api.faults.add(Fault(method="PATCH", hang=0.05, phase="after"))
    assert remote.patch(_group(api), json=ADD).status_code == 200


def test_the_server_starts_and_stops_fast_and_leaves_nothing_behind(api: WandbApi) -> None:
    before = threading.active_count()
    began = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with WandbServer(api) as server, httpx.Client(trust_env=False) as client:
            api.faults.add(Fault(hang=60))
            with pytest.raises(httpx.ReadTimeout):
                client.get(f"{server.url}/scim/Users", headers=HEADERS, timeout=0.05)
    assert time.monotonic() - began < 5
    assert threading.active_count() == before


def test_the_server_stops_while_an_answer_is_still_hanging(api: WandbApi) -> None:
    arrived = threading.Event()
    api.faults.add(Fault(hang=60, meanwhile=arrived.set))
    failed: list[Exception] = []

    def ask(url: str) -> None:
        try:
            httpx.get(f"{url}/scim/Users", headers=HEADERS, timeout=30, trust_env=False)
        except httpx.HTTPError as error:
            failed.append(error)

    with WandbServer(api) as server:
        thread = threading.Thread(target=ask, args=(server.url,))
        thread.start()
        assert arrived.wait(10)
    thread.join(timeout=10)
    assert not thread.is_alive()
