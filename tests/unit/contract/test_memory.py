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
