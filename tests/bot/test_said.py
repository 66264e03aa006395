"""Who says so, where the machine does not know."""

import pytest
import typer

from bot.commands import said


@pytest.mark.parametrize("error", [KeyError("uid not found: 4000000000"), OSError("No username")])
def test_a_user_without_a_name_is_asked_for_one(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def nameless() -> str:
        raise error

    with pytest.raises(typer.Exit) as ended:
        said.operator(" ", nameless)

    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == "This user has no login name: say with --by who you are.\n"
    assert said.operator("ops", nameless) == "operator:ops"


@pytest.mark.parametrize("name", ["eve\nadmin\x1b[31m", "eve\t admin [31m"])
def test_a_login_name_is_kept_on_one_line_without_what_a_terminal_acts_on(name: str) -> None:
    assert said.operator("", lambda: name) == "operator:eve admin [31m"


def test_a_login_name_of_which_nothing_is_left_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        said.operator("", lambda: "\x1b\n")

    assert "say with --by who you are" in capsys.readouterr().err
