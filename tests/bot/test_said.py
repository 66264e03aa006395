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
