"""How a drill of Swarm ends when it is interrupted: in order, and once. What it takes away of a
real engine: tests/compose/test_swarm_leftovers.py."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.servers import wait_until

pytestmark = pytest.mark.long

DRILL = """
import sys, time
from pathlib import Path
from tests.drills.swarm_leftovers import ending_in_order
folder = Path(sys.argv[1])
with ending_in_order():
    try:
        (folder / "begun").touch()
        time.sleep(30)
    finally:
        (folder / "clearing").touch()
        time.sleep(1)
        (folder / "cleared").touch()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_drill_and_those_after_it_do_not_stop_it_clearing_up(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", DRILL, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        wait_until("begun", (tmp_path / "begun").exists)
        process.send_signal(number)
        wait_until("clearing", (tmp_path / "clearing").exists)
        for each in (signal.SIGINT, signal.SIGTERM):
            process.send_signal(each)
            time.sleep(0.1)
        assert process.wait(30) == 128 + number
        assert (tmp_path / "cleared").exists()
    finally:
        process.kill()
        process.wait()
