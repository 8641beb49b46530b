"""Numbers that were typed, of which a command could make nothing, or something else than meant."""

import pytest

from gateway.cli import main

CANARY = ("canary", "start", "new")


@pytest.mark.parametrize(
    "command",
    [
        # Two percent: with 2 any loss would pass.
        ("evaluate", "set.jsonl", "--no-worse-than", "2"),
        ("evaluate", "set.jsonl", "--no-worse-than", "nan"),
        ("evaluate", "set.jsonl", "--at-once", "0"),
        (*CANARY, "--no-worse-than", "2"),
        (*CANARY, "--at-once", "-1"),
        (*CANARY, "--percent", "nan"),
        (*CANARY, "--percent", "-5"),
        (*CANARY, "--after", "99999999999999999999"),
        ("canary", "warm", "--seconds", "inf"),
        ("canary", "warm", "--seconds", "-100"),
        ("canary", "promote", "--pairs", "-1"),
    ],
)
def test_a_number_out_of_bounds_is_refused_by_its_option(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["shopsight", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"argument {command[-2]}: {command[-1]} is not between" in capsys.readouterr().err
