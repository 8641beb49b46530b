"""The processes of the embedded default: why one ended, how often, and how long its log grows."""

import time
from pathlib import Path

import pytest

from gateway.cli import children
from gateway.cli.children import Child, older

WRITER = """
import time
for number in range(2000):
    print(number, flush=True)
    time.sleep(0.0005)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    """One that raises at once."""
    (tmp_path / "breaks.py").write_text("print('hello')\nraise ValueError('no weights')")
    made = Child("breaks", "The model", {"PYTHONPATH": str(tmp_path)}, tmp_path / "breaks.log")
    made.process.wait(30)
    return made


def test_why_one_ended_is_its_status_and_its_last_line(child: Child) -> None:
    assert child.has_ended()
    assert child.why_it_ended() == (
        "The model (breaks) ended with status 1. Its last line: ValueError: no weights"
    )
    child.log.unlink()
    assert child.why_it_ended() == "The model (breaks) ended with status 1."


def test_what_an_earlier_process_wrote_is_not_the_last_line_of_this_one(child: Child) -> None:
    child.start().kill()
    child.process.wait()
    assert child.why_it_ended() == "The model (breaks) was killed by SIGKILL."
    assert child.last_lines(1) == ["ValueError: no weights"]


def test_three_ends_within_a_minute_are_too_often(child: Child) -> None:
    ends = [0, 30, 61, 90, 119, 149]
    assert [child.too_often(at) for at in ends] == [False, False, False, False, True, True]


def test_a_log_file_is_bounded_while_its_process_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "MAX_LOG_BYTES", 1000)
    (tmp_path / "writes.py").write_text(WRITER)
    child = Child("writes", "The model", {"PYTHONPATH": str(tmp_path)}, tmp_path / "writes.log")
    while not child.has_ended():
        child.bound_log()
        time.sleep(0.01)
    child.bound_log()
    assert child.log.stat().st_size <= 1000 >= older(child.log).stat().st_size > 0
    lines = (older(child.log).read_text() + child.log.read_text()).splitlines()
    numbers = [int(line) for line in lines]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 1999
