"""What the environment says about the audit log: its keys, and where its head goes."""

import pytest

from tests.bot.environs import NEEDED, load, mistakes


def test_the_audit_keys_come_in_order_and_show_nothing() -> None:
    alone, none = load(AUDIT_KEY="canary-" + "k" * 32), load()
    both = load(AUDIT_KEY="canary-" + "k" * 32, AUDIT_KEYS_OLD=f"{'x' * 32}, {'y' * 32}")

    assert not none.audit_keys.current.is_secret
    assert alone.audit_keys.others == ()
    assert both.audit_keys.current == alone.audit_keys.current
    assert [key.secret for key in both.audit_keys.others] == [b"x" * 32, b"y" * 32]
    assert "canary" not in repr(both) + repr(both.audit_keys)


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("AUDIT_KEY", "canary", "is shorter than 32 characters"),
        ("AUDIT_KEY", "canary " * 10, "has a space"),
        ("AUDIT_KEY", "canary," * 10, "has a comma"),
        ("AUDIT_KEYS_OLD", "canary", "has a key that is shorter than 32 characters"),
        ("AUDIT_KEYS_OLD", "canary " * 10, "has a key that has a space"),
        ("AUDIT_KEYS_OLD", "x" * 32 + ",", "has a comma without a key on both sides: take it out"),
        ("AUDIT_PUBLISH", "canary", "is not one of log, file:/an/absolute/path and channel:C0123"),
        ("AUDIT_PUBLISH", "file:canary", "is not one of"),
        ("AUDIT_PUBLISH", "channel:#canary", "is not one of"),
        ("AUDIT_PUBLISH", "file:/canary/heads", "names a file in a folder that is not there"),
    ],
)
def test_what_the_audit_log_cannot_use_is_named(name: str, value: str, wrong: str) -> None:
    (found,) = mistakes(NEEDED | {name: value})

    assert found.startswith(f"{name} {wrong}")
    assert "canary" not in found


def test_an_earlier_key_that_is_too_short_is_counted_out_with_how_to_make_a_right_one() -> None:
    assert mistakes(NEEDED | {"AUDIT_KEYS_OLD": "x" * 32 + ", canary"}) == [
        "AUDIT_KEYS_OLD has a key (number 2 of 2) that is shorter than 32 characters:"
        " make one with `openssl rand -hex 32`"
    ]


@pytest.mark.parametrize("target", ["log", "file:/tmp/heads", "channel:C0123ABC", "channel:G0123"])
def test_the_head_can_go_to_three_kinds_of_places(target: str) -> None:
    assert load(AUDIT_PUBLISH=target).audit_publish == target
