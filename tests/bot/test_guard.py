"""The guard at its own interface: ASGI messages in, ASGI messages out."""

import json
import logging
from collections import Counter
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from bot.guard import MAX_AGE, MAX_BODY, SIGNED, Guard
from bot.meters import REFUSED
from tests.bot.guard_rig import FORM, NOW, Inner, Rig
from tests.bot.signing import signature, signed_headers

COMMAND = urlencode({"command": "/wandb", "text": "help"}).encode()


def test_a_signed_command_is_handed_on_whole_and_marked() -> None:
    rig = Rig()

    status = rig.post([COMMAND[:5], COMMAND[5:]], signed_headers(COMMAND, NOW))

    assert status == 200
    assert rig.inner.bodies == [COMMAND]
    assert rig.inner.scopes[0][SIGNED] == b"x-www-form-urlencoded"


WELL_FORMED = {
    "command": (FORM, COMMAND),
    "interaction": (
        FORM,
        urlencode({"payload": '{"type": "shortcut", "callback_id": "x"}'}).encode(),
    ),
    "ssl check": (FORM, b"ssl_check=1&token=legacy"),
    "empty text": (FORM, b"command=%2Fwandb&text="),
    "charset": (FORM + "; charset=UTF-8", COMMAND),
    "capitals": ("Application/X-WWW-Form-Urlencoded", COMMAND),
    "url verification": ("application/json", b'{"type":"url_verification","challenge":"c"}'),
    "emoji as a surrogate pair": (
        "application/json",
        b'{"type":"event_callback","event":{"type":"x","text":"\\ud83d\\ude00"}}',
    ),
    "as large as allowed": (FORM, b"command=".ljust(MAX_BODY, b"x")),
}


@pytest.mark.parametrize(("kind", "body"), WELL_FORMED.values(), ids=WELL_FORMED)
def test_what_slack_sends_passes(kind: str, body: bytes) -> None:
    assert Rig().post_signed(body, kind) == 200


def without(name: str) -> list[tuple[bytes, bytes]]:
    return [
        (key.encode(), value.encode())
        for key, value in signed_headers(COMMAND, NOW).items()
        if key != name
    ]


def replaced(name: str, value: str) -> list[tuple[bytes, bytes]]:
    return [*without(name), (name.encode(), value.encode())]


def doubled(name: str) -> list[tuple[bytes, bytes]]:
    whole = without("")
    return whole + [pair for pair in whole if pair[0] == name.encode()]


STAMP, SIGN = "x-slack-request-timestamp", "x-slack-signature"
REFUSED_BY_HEADERS = {
    "no content type": (without("content-type"), 415),
    "two content types": (doubled("content-type"), 415),
    "text": (replaced("content-type", "text/plain"), 415),
    "multipart": (replaced("content-type", "multipart/form-data; boundary=x"), 415),
    "json's cousin": (replaced("content-type", "application/json-patch"), 415),
    "other charset": (replaced("content-type", FORM + "; charset=utf-16"), 415),
    "compressed": ([*without(""), (b"content-encoding", b"gzip")], 415),
    "too long": ([*without(""), (b"content-length", b"%d" % (MAX_BODY + 1))], 413),
    "absurdly long": ([*without(""), (b"content-length", b"9" * 18)], 413),
    "negative length": ([*without(""), (b"content-length", b"-1")], 401),
    "two lengths": ([*without(""), (b"content-length", b"5"), (b"content-length", b"6")], 401),
    "no timestamp": (without(STAMP), 401),
    "two timestamps": (doubled(STAMP), 401),
    "timestamp in words": (replaced(STAMP, "now"), 401),
    "timestamp with a sign": (replaced(STAMP, f"+{int(NOW)}"[:10]), 401),
    "timestamp in milliseconds": (replaced(STAMP, f"{int(NOW)}000"), 401),
    "timestamp with a line break": (replaced(STAMP, f"{int(NOW)}\n"), 401),
    "timestamp in other digits": (replaced(STAMP, "\u0661" * 10), 401),
    "no signature": (without(SIGN), 401),
    "two signatures": (doubled(SIGN), 401),
    "short signature": (replaced(SIGN, "v0=abc"), 401),
    "capital signature": (replaced(SIGN, signature(COMMAND, str(int(NOW))).upper()), 401),
    "version 1": (replaced(SIGN, "v1=" + "0" * 64), 401),
}


@pytest.mark.parametrize(("headers", "status"), REFUSED_BY_HEADERS.values(), ids=REFUSED_BY_HEADERS)
def test_bad_headers_are_refused_before_a_byte_is_read(
    headers: list[tuple[bytes, bytes]], status: int
) -> None:
    rig = Rig()

    assert rig.post(COMMAND, headers) == status
    assert rig.reads == 0
    assert rig.inner.bodies == []


@pytest.mark.parametrize(
    "headers",
    [
        replaced(SIGN, "v0=" + "0" * 64),
        replaced(SIGN, signature(COMMAND, str(int(NOW)), "another secret")),
        replaced(SIGN, signature(COMMAND + b" ", str(int(NOW)))),
        replaced(SIGN, signature(COMMAND, str(int(NOW) - 1))),
    ],
    ids=["nothing", "another secret", "another body", "another time"],
)
def test_a_signature_over_anything_else_is_a_401(headers: list[tuple[bytes, bytes]]) -> None:
    rig = Rig()

    assert rig.post(COMMAND, headers) == 401
    assert rig.inner.bodies == []


@pytest.mark.parametrize(
    ("age", "status"),
    [(MAX_AGE, 200), (MAX_AGE + 1, 401), (-MAX_AGE, 200), (-MAX_AGE - 1, 401)],
)
def test_five_minutes_are_allowed_either_way(age: int, status: int) -> None:
    assert Rig().post(COMMAND, signed_headers(COMMAND, NOW - age)) == status


def test_a_replay_is_a_401_for_as_long_as_its_signature_is_good() -> None:
    rig = Rig()
    headers = signed_headers(COMMAND, NOW + MAX_AGE)

    statuses = [rig.post(COMMAND, headers)]
    for rig.now in (NOW, NOW + MAX_AGE, NOW + 2 * MAX_AGE - 1):
        statuses.append(rig.post(COMMAND, headers))

    assert statuses == [200, 401, 401, 401]
    assert len(rig.inner.bodies) == 1


def test_a_request_that_failed_may_be_sent_again() -> None:
    rig = Rig(Inner(status=503))

    assert rig.post_signed(COMMAND) == 503
    rig.inner.status = 200
    assert rig.post_signed(COMMAND) == 200
    assert rig.post_signed(COMMAND) == 401


def test_a_body_that_grows_past_the_limit_is_not_read_on() -> None:
    rig = Rig()

    status = rig.post([b"x" * 65_536] * 3_200, signed_headers(COMMAND, NOW))

    assert status == 413
    assert rig.reads == 5


def test_a_body_that_never_ends_is_a_401() -> None:
    rig = Rig(body_seconds=0.01)

    assert rig.post(COMMAND, signed_headers(COMMAND, NOW), is_cut=True) == 401
    assert rig.inner.bodies == []


def test_a_sender_who_hangs_up_gets_no_answer() -> None:
    rig = Rig()

    status = rig.post(
        COMMAND, signed_headers(COMMAND, NOW), ends=lambda: {"type": "http.disconnect"}
    )

    assert status is None
    assert rig.inner.bodies == []


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/slack/events"), ("POST", "/healthz"), ("POST", "/")]
)
def test_other_paths_and_methods_go_on_unmarked(method: str, path: str) -> None:
    rig = Rig()

    assert rig.post(b"", {}, method=method, path=path) == 200
    assert SIGNED not in rig.inner.scopes[0]


def test_an_empty_secret_makes_no_guard() -> None:
    with pytest.raises(ValueError, match="empty"):
        Guard(Inner(), SecretStr(""), lambda: NOW)


def test_refusals_are_counted_once_a_minute_without_a_word_of_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    rig = Rig()
    body = b"command=canary-body"
    for _ in range(5):
        rig.post(body, replaced(SIGN, "v0=" + "c" * 64))
    rig.now += 60
    rig.post(body, replaced("content-type", "text/canary"))

    records = [record for record in caplog.records if record.name == "bot.guard"]

    assert [vars(record)["refused"] for record in records] == [{"401": 1}, {"401": 4, "415": 1}]
    everything = json.dumps([str(vars(record)) for record in records])
    assert "canary" not in everything
    assert "cccc" not in everything


def test_metrics_count_every_refusal_also_those_that_no_log_record_has() -> None:
    rig, before = Rig(), Counter(REFUSED.counts())
    for _ in range(5):
        rig.post(b"command=x", replaced(SIGN, "v0=" + "c" * 64))
    rig.post(b"command=x", replaced("content-type", "text/plain"))

    assert Counter(REFUSED.counts()) - before == Counter({("401",): 5, ("415",): 1})
