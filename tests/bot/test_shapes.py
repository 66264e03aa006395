"""What Bolt can read, and what becomes of the rest behind the guard and Starlette's server."""

import asyncio
import json
from collections import Counter

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult

from bot.listeners.ways import listen
from bot.meters import REFUSED
from bot.shapes import read
from tests.bot.guard_rig import FORM
from tests.bot.serving import a_server_app, clock, served
from tests.bot.signing import signed_headers
from tests.bot.test_guard import WELL_FORMED
from tests.bot.test_server import post


def _deaf() -> App:
    """Bolt as in the bot, with listeners that hear everything and do nothing."""
    app = App(
        process_before_response=True,
        signing_secret="not asked for",
        token_verification_enabled=False,
        request_verification_enabled=False,
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None, bot_token="xoxb-1"),
    )
    listen(app, {}, lambda _: lambda args: args.ack())
    return app


DEAF = _deaf()

KINDS = {FORM: b"x-www-form-urlencoded", "application/json": b"json"}

MALFORMED = {
    "empty": (FORM, b""),
    "no payload or command": (FORM, b"a=1&b=2"),
    "payload is no JSON": (FORM, b"payload=hello"),
    "payload is a list": (FORM, b"payload=[]"),
    "payload is empty": (FORM, b"payload="),
    "payload twice": (FORM, b"payload={}&payload={}"),
    "command twice": (FORM, b"command=/a&command=/b"),
    "JSON under a form's name": (FORM, b'{"type":"x"}&command=/wandb'),
    "too many fields": (FORM, b"command=/w&" + b"&".join(b"a%d=1" % n for n in range(200))),
    "bad UTF-8": (FORM, b"command=\xff\xfe"),
    "bad UTF-8 in percents": (FORM, b"command=%ff%fe"),
    "UTF-16": ("application/json", '{"type":"x"}'.encode("utf-16")),
    "cut JSON": ("application/json", b'{"type":'),
    "a number": ("application/json", b"5"),
    "null": ("application/json", b"null"),
    "empty JSON": ("application/json", b""),
    "thousands of digits": ("application/json", b'{"a":' + b"9" * 9_000 + b"}"),
    "deep": ("application/json", b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "rather deep": ("application/json", b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"),
    "deep payload": (FORM, b"payload=" + b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
    "half a surrogate pair": ("application/json", b'{"type":"x","text":"\\uD83D"}'),
    "an object that says nothing": ("application/json", b"{}"),
    "a click on nothing": (FORM, b'payload={"type":"block_actions","actions":[]}'),
    "a click on what is no button": (FORM, b'payload={"type":"block_actions","actions":[1]}'),
    "a click on a button without a name": (
        FORM,
        b'payload={"type":"block_actions","actions":[{"value":"x"}]}',
    ),
    "a form that is none": (FORM, b'payload={"type":"view_submission","view":1}'),
    "a form with a number for a name": (
        FORM,
        b'payload={"type":"view_submission","view":{"callback_id":1}}',
    ),
    "a form without a type": (
        FORM,
        b'payload={"type":"view_submission","view":{"callback_id":"x"}}',
    ),
    "a search without a name": (FORM, b'payload={"type":"block_suggestion"}'),
    "an event without a type": ("application/json", b'{"type":"event_callback","event":{}}'),
}


@pytest.mark.parametrize(("kind", "body"), WELL_FORMED.values(), ids=WELL_FORMED)
def test_what_slack_sends_is_read_as_bolt_itself_reads_it(kind: str, body: bytes) -> None:
    bolts_own = BoltRequest(body=body.decode(), headers={"content-type": [kind.lower()]}).body

    assert read(KINDS.get(kind, KINDS[FORM]), body) == bolts_own
    assert bolts_own


@pytest.mark.parametrize(("kind", "body"), MALFORMED.values(), ids=MALFORMED)
def test_what_bolt_would_stumble_over_is_not(kind: str, body: bytes) -> None:
    assert read(KINDS[kind], body) is None


def test_signed_but_malformed_is_a_400_that_is_counted_and_never_gets_to_bolt() -> None:
    begun: list[str] = []

    def dispatch(request: BoltRequest) -> BoltResponse:
        begun.append(request.raw_body)
        return BoltResponse(status=200)

    before = Counter(REFUSED.counts())
    with served(a_server_app(dispatch)) as port:
        statuses = {
            name: post(port, body, kind).status_code for name, (kind, body) in MALFORMED.items()
        }

    assert set(statuses.values()) == {400}, statuses
    assert begun == []
    assert Counter(REFUSED.counts()) - before == Counter({("400",): len(MALFORMED)})


BOLTS_KINDS = (  # slack_bolt.request.payload_utils, but for the retired steps of workflows
    "block_actions",
    "interactive_message",
    "dialog_submission",
    "dialog_cancellation",
    "dialog_suggestion",
    "block_suggestion",
    "view_submission",
    "view_closed",
    "shortcut",
    "message_action",
    "event_callback",
)
SCRAP = st.recursive(
    st.none() | st.integers() | st.just("x"),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "callback_id", "action_id", "value", "view_id", "user"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@example(kind="interactive_message", rest={"actions": [{"action_id": "x"}]})
@example(kind="interactive_message", rest={"actions": [{"name": "x"}], "callback_id": "x"})
@example(kind="dialog_submission", rest={"callback_id": 5})
@example(kind="block_actions", rest={"actions": [{"action_id": "x"}], "command": 5})
@example(kind="view_submission", rest={"view": {"callback_id": "x"}})
@example(kind="block_suggestion", rest={"action_id": "x", "user": 0})
@example(kind="shortcut", rest={"callback_id": "x", "user": ["id"]})
@given(
    kind=st.sampled_from(BOLTS_KINDS),
    rest=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("actions", "view", "event", "callback_id", "action_id", "user", "command"), SCRAP
        ),
    ),
)
@settings(max_examples=400)
def test_nothing_signed_makes_the_bot_stumble(kind: str, rest: dict[str, object]) -> None:
    body = json.dumps({**rest, "type": kind}).encode()
    headers = signed_headers(body, clock(), "application/json")

    async def status() -> int:
        inside = httpx.ASGITransport(a_server_app(DEAF.dispatch))
        async with httpx.AsyncClient(transport=inside, base_url="http://bot") as client:
            return (await client.post("/slack/events", content=body, headers=headers)).status_code

    assert asyncio.run(status()) in (200, 400, 404)


@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(lambda text: b"payload=" + text.encode()),
        st.text("[]{}:,\"'0eE-.\\u", max_size=60).map(str.encode),
    ),
    kind=st.sampled_from([FORM, "application/json"]),
)
@settings(max_examples=300)
def test_no_body_makes_it_raise(body: bytes, kind: str) -> None:
    payload = read(KINDS[kind], body)
    assert payload is None or payload
