"""The processes of the embedded default: why one ended, how often, and how long its log grows."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from contract.process.stopping import GRACE_S
from gateway.cli import children, embedded
from gateway.cli.children import Child, older, stop
from tests.support.servers import wait_until

WRITER = """
import time
for number in range(2000):
    print(number, flush=True)
    time.sleep(0.0005)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up")
time.sleep(600)
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


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[list[Child]]:
    """Two that do not end by themselves."""
    (tmp_path / "stays.py").write_text(STUBBORN)
    environment = {"PYTHONPATH": str(tmp_path)}
    made = [Child("stays", "It", environment, tmp_path / f"{name}.log") for name in "ab"]
    wait_until("up", lambda: all(child.last_lines(1) for child in made))
    yield made
    for child in made:
        child.process.kill()


def test_what_does_not_end_in_its_time_is_killed(stubborn: list[Child]) -> None:
    stop(stubborn, 0.1)
    assert [child.process.returncode for child in stubborn] == [-signal.SIGKILL] * 2


@pytest.fixture
def heard() -> Iterator[None]:
    """A shell starts what is to run in the background with Ctrl-C ignored: these tests, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_a_second_ctrl_c_ends_all_at_once(stubborn: list[Child]) -> None:
    pressing = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        stop(stubborn, 60)
    pressing.join()
    assert [child.process.returncode for child in stubborn] == [-signal.SIGKILL] * 2


def test_the_first_ctrl_c_waits_as_long_as_answers_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setenv("DEADLINE_MS", "60000")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0))
    for name in ("Child", "_wait_until_ready"):
        monkeypatch.setattr(embedded, name, lambda *_: None)
    monkeypatch.setattr(embedded, "stop", lambda _, patience_s: waited.append(patience_s))
    with embedded.embedded_stack(tmp_path):
        pass
    assert waited == [60 + GRACE_S]


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
