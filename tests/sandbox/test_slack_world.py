"""The Web API's rules, asked as an app asks: method, arguments, token."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.slack_faults import ErrorCode, HttpStatus, Lost, NoAnswer, RateLimited, SlackFault
from sandbox.slack_world import SlackWorld


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> SlackWorld:
    return SlackWorld(clock=clock)


def api(world: SlackWorld, method: str, **params: Any) -> dict[str, Any]:
    body = world.api(method, params, world.bot_token).body
    assert isinstance(body, dict)
    return body


def error(world: SlackWorld, method: str, **params: Any) -> str:
    return str(api(world, method, **params).get("error"))


def view(**fields: Any) -> dict[str, Any]:
    title = {"type": "plain_text", "text": "Form"}
    return {"type": "modal", "title": title, "blocks": [{"type": "divider"}]} | fields


def test_a_call_needs_a_token_that_is_ours_and_a_method_that_exists(world: SlackWorld) -> None:
    assert world.api("auth.test", {}, None).body == {"ok": False, "error": "not_authed"}
    assert world.api("auth.test", {}, "xoxb-other").body == {"ok": False, "error": "invalid_auth"}
    assert error(world, "chat.shout") == "unknown_method"
    assert error(world, "apps.connections.open") == "not_allowed_token_type"
    assert api(world, "auth.test")["user_id"] == world.bot_user


def test_the_manifest_says_which_scopes_there_are() -> None:
    world = SlackWorld(manifest={"oauth_config": {"scopes": {"bot": ["chat:write"]}}})
    eve = world.add_user("eve", "eve@example.com")

    refused = api(world, "users.info", user=eve)

    assert refused["error"] == "missing_scope"
    assert (refused["needed"], refused["provided"]) == ("users:read", "chat:write")


def test_people_are_found_by_their_address_while_they_are_here(world: SlackWorld) -> None:
    eve = world.add_user("eve", "eve@example.com", tz="America/New_York")
    world.add_user("far", "far@example.com", is_stranger=True)

    found = api(world, "users.lookupByEmail", email="EVE@example.com")["user"]

    assert (found["id"], found["tz_offset"]) == (eve, -5 * 3600)
    assert error(world, "users.lookupByEmail", email="far@example.com") == "users_not_found"
    world.deactivate(eve)
    assert error(world, "users.lookupByEmail", email="eve@example.com") == "users_not_found"
    assert api(world, "users.info", user=eve)["user"]["deleted"] is True
    assert error(world, "users.info", user="U404") == "user_not_found"


def test_the_scopes_of_the_token_come_with_every_answer_to_it_and_to_no_other() -> None:
    world = SlackWorld(manifest={"oauth_config": {"scopes": {"bot": ["users:read", "im:write"]}}})

    taken = world.api("auth.test", {}, world.bot_token)
    refused = world.api("chat.postMessage", {}, world.bot_token)
    others = [world.api("auth.test", {}, token) for token in (None, "xoxb-other")]

    assert taken.headers == refused.headers == {"x-oauth-scopes": "im:write,users:read"}
    assert [answer.headers for answer in others] == [{}, {}]


def test_an_address_is_hidden_without_its_scope() -> None:
    world = SlackWorld(manifest={"oauth_config": {"scopes": {"bot": ["users:read"]}}})
    eve = world.add_user("eve", "eve@example.com")

    assert "email" not in api(world, "users.info", user=eve)["user"]["profile"]


def test_a_message_goes_to_a_person_a_channel_or_a_name(world: SlackWorld) -> None:
    eve = world.add_user("eve", "eve@example.com")
    room = world.add_channel("#approvals", eve)
    world.add_channel("#closed", eve, bot_in=False)
    world.add_channel("#secret", eve, bot_in=False, is_private=True)
    old = world.add_channel("#old", eve)
    world.archive(old)

    dm = api(world, "chat.postMessage", channel=eve, text="hello")

    assert dm["channel"] == world.dm_of(eve).id
    assert api(world, "chat.postMessage", channel="#approvals", text="x")["channel"] == room
    assert error(world, "chat.postMessage", channel="#closed", text="x") == "not_in_channel"
    assert error(world, "chat.postMessage", channel="#secret", text="x") == "channel_not_found"
    assert error(world, "chat.postMessage", channel=old, text="x") == "is_archived"
    assert error(world, "chat.postMessage", channel="C404", text="x") == "channel_not_found"
    assert error(world, "chat.postMessage", channel=eve) == "no_text"


def test_time_stamps_differ_and_grow_while_the_clock_stands_still(world: SlackWorld) -> None:
    eve = world.add_user("eve", "eve@example.com")

    stamps = [api(world, "chat.postMessage", channel=eve, text="x")["ts"] for _ in range(5)]

    assert stamps == sorted(set(stamps))


def test_an_update_keeps_what_it_does_not_mention_and_remembers_the_past(
    world: SlackWorld,
) -> None:
    eve = world.add_user("eve", "eve@example.com")
    blocks = [{"type": "divider", "block_id": "d"}]
    metadata = {"event_type": "card", "event_payload": {"id": "1"}}
    sent = api(world, "chat.postMessage", channel=eve, text="a", blocks=blocks, metadata=metadata)
    at = {"channel": sent["channel"], "ts": sent["ts"]}

    api(world, "chat.update", **at, text="b")

    message = world.messages[sent["channel"], sent["ts"]]
    assert (message.text, message.blocks, message.metadata) == ("b", blocks, metadata)
    assert [past.text for past in message.history] == ["a"]
    assert error(world, "chat.update", **at, text="x" * 4001) == "msg_too_long"
    assert error(world, "chat.update", channel=eve, ts="1", text="x") == "channel_not_found"
    assert error(world, "chat.update", **at | {"ts": "1.0"}, text="x") == "message_not_found"
    assert api(world, "chat.delete", **at)["ok"]
    assert error(world, "chat.delete", **at) == "message_not_found"


def test_a_message_is_found_again_by_its_metadata(world: SlackWorld) -> None:
    eve = world.add_user("eve", "eve@example.com")
    for number in range(3):
        metadata = {"event_type": "card", "event_payload": {"id": number}}
        api(world, "chat.postMessage", channel=eve, text=f"card {number}", metadata=metadata)
    dm = api(world, "conversations.open", users=eve)["channel"]["id"]

    page = api(world, "conversations.history", channel=dm, limit=2, include_all_metadata=True)

    assert [one["metadata"]["event_payload"]["id"] for one in page["messages"]] == [2, 1]
    rest = {"cursor": page["response_metadata"]["next_cursor"]}
    last = api(world, "conversations.history", channel=dm, **rest)
    assert [one["text"] for one in last["messages"]] == ["card 0"]
    assert "metadata" not in last["messages"][0]
    assert last["has_more"] is False


def test_an_ephemeral_message_is_for_somebody_in_the_channel(world: SlackWorld) -> None:
    eve, ada = world.add_user("eve", None), world.add_user("ada", None)
    room = world.add_channel("#approvals", eve)

    sent = api(world, "chat.postEphemeral", channel=room, user=eve, text="psst")

    assert world.messages[room, sent["message_ts"]].shown_only_to == eve
    refused = error(world, "chat.postEphemeral", channel=room, user=ada, text="psst")
    assert refused == "user_not_in_channel"
    assert error(world, "chat.update", channel=room, ts=sent["message_ts"], text="x") == (
        "message_not_found"
    )


def test_bad_blocks_are_refused_with_the_place(world: SlackWorld) -> None:
    eve = world.add_user("eve", None)

    refused = api(world, "chat.postMessage", channel=eve, text="x", blocks=[{"type": "bogus"}])

    assert refused["error"] == "invalid_blocks"
    assert refused["response_metadata"]["messages"] == [
        "[ERROR] unsupported type: bogus [json-pointer:/blocks/0/type]"
    ]
    assert world.messages == {}
    assert error(world, "chat.postMessage", channel=eve, text="x", blocks="[") == (
        "invalid_blocks_format"
    )


def test_blocks_without_a_text_are_noted(world: SlackWorld) -> None:
    eve = world.add_user("eve", None)

    api(world, "chat.postMessage", channel=eve, blocks=[{"type": "divider"}])

    assert world.warnings == ["chat.postMessage: blocks without a top-level text"]


def test_a_trigger_id_opens_one_form_within_three_seconds(world: SlackWorld, clock: Clock) -> None:
    eve = world.add_user("eve", None)
    used, late = world.new_trigger(eve), world.new_trigger(eve)

    opened = api(world, "views.open", trigger_id=used, view=view())

    assert opened["view"]["root_view_id"] == opened["view"]["id"]
    assert error(world, "views.open", trigger_id=used, view=view()) == "exchanged_trigger_id"
    clock.advance(seconds=3.1)
    assert error(world, "views.open", trigger_id=late, view=view()) == "expired_trigger_id"
    assert error(world, "views.open", trigger_id="1.2.3", view=view()) == "invalid_trigger_id"
    assert error(world, "views.open", trigger_id=late, view={}) == "invalid_arguments"


def test_a_view_is_updated_by_those_who_know_it_as_it_is(world: SlackWorld) -> None:
    eve = world.add_user("eve", None)
    first = api(world, "views.open", trigger_id=world.new_trigger(eve), view=view())["view"]

    second = api(world, "views.update", view_id=first["id"], hash=first["hash"], view=view())

    assert second["view"]["hash"] != first["hash"]
    stale = {"view_id": first["id"], "hash": first["hash"]}
    assert error(world, "views.update", **stale, view=view()) == "hash_conflict"
    assert error(world, "views.update", view_id="V404", view=view()) == "not_found"


def test_forms_are_stacked_three_high(world: SlackWorld) -> None:
    eve = world.add_user("eve", None)
    api(world, "views.open", trigger_id=world.new_trigger(eve), view=view())
    for _ in range(2):
        api(world, "views.push", trigger_id=world.new_trigger(eve), view=view())

    refused = error(world, "views.push", trigger_id=world.new_trigger(eve), view=view())

    assert refused == "push_limit_reached"


def test_a_response_url_is_good_for_five_answers_in_half_an_hour(
    world: SlackWorld, clock: Clock
) -> None:
    eve = world.add_user("eve", None)
    dm = world.dm_of(eve).id
    url, late = world.new_response_url(eve, dm), world.new_response_url(eve, dm)

    answers = [world.respond(url, {"text": "x"}).status for _ in range(6)]

    assert answers == [200] * 5 + [404]
    clock.advance(minutes=31)
    assert world.respond(late, {"text": "x"}).body == {"ok": False, "error": "expired_url"}
    assert len(world.messages) == 5
    assert {one.shown_only_to for one in world.messages.values()} == {eve}


def test_a_fault_happens_before_or_after_and_as_often_as_was_said(world: SlackWorld) -> None:
    eve = world.add_user("eve", None)
    world.faults.add(
        SlackFault("chat\\..*", RateLimited(7)),
        SlackFault("chat.postMessage", ErrorCode("internal_error"), times=2),
        SlackFault("chat.postMessage", HttpStatus(503)),
        SlackFault("chat.postMessage", Lost(), phase="after"),
    )

    def post() -> Any:
        return world.api("chat.postMessage", {"channel": eve, "text": "x"}, world.bot_token)

    limited = post()
    assert (limited.status, limited.headers) == (429, {"Retry-After": "7"})
    assert [post().body["error"] for _ in range(2)] == ["internal_error"] * 2
    assert post().status == 503
    assert world.messages == {}
    with pytest.raises(NoAnswer):
        post()
    assert len(world.messages) == 1
    assert post().body["ok"]
    assert [call.error for call in world.called("chat.postMessage")] == [
        "ratelimited",
        "internal_error",
        "internal_error",
        "503",
        "no_answer",
        None,
    ]


def test_nothing_works_while_slack_is_down(world: SlackWorld) -> None:
    world.down()
    with pytest.raises(NoAnswer):
        api(world, "auth.test")

    world.up()

    assert api(world, "auth.test")["ok"]


def test_user_groups_list_those_who_are_here(world: SlackWorld) -> None:
    eve, old = world.add_user("eve", None), world.add_user("old", None, deleted=True)
    world.add_usergroup("S0123", [eve, old])

    assert api(world, "usergroups.users.list", usergroup="S0123")["users"] == [eve]
    assert error(world, "usergroups.users.list", usergroup="S9") == "no_such_subteam"


def test_waiting_ends_with_what_was_seen_or_says_what_was_called(world: SlackWorld) -> None:
    assert world.wait_for(lambda: "found", timeout=0) == "found"
    with pytest.raises(TimeoutError, match="last calls"):
        world.wait_for(lambda: None, timeout=0.01)
