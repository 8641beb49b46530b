"""`make scale-drills` tells all figures in one line. The drills themselves: test_drills.py."""

import json

import pytest

from tests.drills import scale, swarm_leftovers
from tests.drills.verdict import Verdict

pytestmark = pytest.mark.long


def verdict(name: str, lost: int = 0, **more: int) -> Verdict:
    return Verdict(name, lost, 0, 0, 0.0, 1.234, more)


def told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *verdicts: Verdict
) -> tuple[int, dict[str, dict[str, float]]]:
    drills = {each.drill: lambda each=each: [each] for each in verdicts}  # type: ignore[misc]
    monkeypatch.setattr(scale, "DRILLS", drills)
    monkeypatch.setattr("sys.argv", ["scale"])
    ended = scale.main()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("RESULT ")
    return ended, json.loads(line.removeprefix("RESULT "))


def test_one_line_has_the_figures_of_every_drill(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, figures = told(monkeypatch, capsys, verdict("one", failed=3), verdict("two"))
    assert ended == 0
    assert figures == {
        "one": {"failed": 3, "recovery_s": 1.23, "lost": 0, "doubled": 0},
        "two": {"failed": 0, "recovery_s": 1.23, "lost": 0, "doubled": 0},
    }


def test_it_ends_with_1_where_something_was_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(monkeypatch, capsys, verdict("one", lost=1), verdict("two"))[0] == 1


def test_swarm_is_left_out_where_no_engine_is_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(swarm_leftovers, "engine_missing", lambda: "docker is not installed")
    monkeypatch.setattr("sys.argv", ["scale", "swarm"])
    assert scale.main() == 0
    said = capsys.readouterr()
    assert said.out == "RESULT {}\n"
    assert "swarm left out: docker is not installed" in said.err
