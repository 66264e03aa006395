"""The alerts about what lasts, as they begin, follow the numbers, and end."""

from typing import Any

import pytest

from bot.views import alert_message
from tests.bot.views.cases import NOW, assert_slack_takes, live, said
from workflows.ports import MANY_STUCK, Alert

GRANT: dict[str, Any] = {"person": "eve@corp.example", "place": "team:vision"}


def alert(event: str, subject: str = "deployment", **detail: Any) -> Alert:
    return Alert("alert 1", event, subject, NOW, detail)


TOLD = {
    "a refused key": (
        alert("DirectoryRefusedKey", reason="401 <!here>", waiting=37, over=False),
        ["refuses my key", "37 ends wait", "401 <!here>".replace("<", "&lt;").replace(">", "&gt;")],
    ),
    "a refused key and one end": (
        alert("DirectoryRefusedKey", reason="401", waiting=1),
        ["1 end waits"],
    ),
    "a key that was refused": (
        alert("DirectoryRefusedKey", reason="401", waiting=3, over=True),
        ["refused my key", "That is over"],
    ),
    "an accepted key": (
        alert("DirectoryAcceptedKey", waiting=0),
        ["takes my key again", "No end waits"],
    ),
    "a key that one process has": (
        alert("DirectoryAcceptedKey", waiting=2, but="0a1b2c3d <b>"),
        ["from another process than it refused", "0a1b2c3d", "2 ends wait"],
    ),
    "a giving": (
        alert("ProvisioningStuck", "r-1", reason="*503*", **GRANT),
        ["cannot be given", "eve@corp.example in *vision*", ">*503*"],
    ),
    "a giving that worked": (
        alert("ProvisioningSettled", "r-1", outcome="active", **GRANT),
        ["What was approved for eve@corp.example in *vision* has been given."],
    ),
    "a giving that ended oddly": (
        alert("ProvisioningSettled", "r-1", outcome="?", **GRANT),
        ["is settled."],
    ),
    "a leftover that is gone": (
        alert("LeftoverGone", "eve@corp.example team:vision"),
        ["eve@corp.example in *vision*", "gone now"],
    ),
    "many": (
        alert(MANY_STUCK, take=30, give=2, leftover=5),
        ["37 things are stuck", "30 of access", "2 of what was approved", "5 of what landed late"],
    ),
    "some": (alert(MANY_STUCK, take=7, give=0, leftover=0), ["7 things are stuck"]),
    "none any more": (
        alert(MANY_STUCK, take=0, give=0, leftover="?"),
        ["Nothing is stuck any more"],
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_each_says_what_it_is_and_what_to_do(name: str) -> None:
    told, expected = TOLD[name]
    message = alert_message.draw(told)

    assert_slack_takes(message)
    for words in (*expected, "*What to do:*"):
        assert words in said(message)
    assert "<!here>" not in live(message)
