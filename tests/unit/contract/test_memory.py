"""One heap for all threads of a process."""

import subprocess
import sys

import pytest

# Eight threads that hold a block each at the same time, then what glibc tells of its heaps.
PROGRAM = """
import ctypes, sys, threading
from contract.process.memory import share_one_arena
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
if sys.argv[1] == "shared":
    share_one_arena()
barrier = threading.Barrier(8)
def hold():
    barrier.wait()
    libc.malloc(5_000)
    barrier.wait()
threads = [threading.Thread(target=hold) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.malloc_stats()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="told by glibc")
@pytest.mark.parametrize(("how", "several"), [("shared", False), ("apart", True)])
def test_threads_share_a_heap_where_they_are_told_to(how: str, several: bool) -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    ).stderr
    assert (told.count("Arena ") > 1) == several, told


# Bodies and what outlives them, one after the other, as a rush leaves them; then MB of the process.
RUSH = """
import sys
from pathlib import Path
from contract.process.memory import (
    give_back_free_memory, keep_free_memory, limit_mmap_threshold, share_one_arena
)
limit_mmap_threshold()
share_one_arena()
keep_free_memory()
bodies, outlive = [], []
for _ in range(100):
    bodies.append(bytearray(250_000))
    outlive.append(bytearray(2_000))
bodies.clear()
if sys.argv[1] == "given back":
    give_back_free_memory()
status = Path("/proc/self/status").read_text()
print(int(status.partition("RssAnon:")[2].split()[0]) / 1000)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="told by /proc")
def test_what_a_rush_leaves_between_other_things_is_given_back() -> None:
    kept, given_back = (
        float(subprocess.check_output([sys.executable, "-c", RUSH, how]))
        for how in ("kept", "given back")
    )
    assert kept - given_back > 15, (kept, given_back)
