"""What a helper process may use, and what it may not do at all. Everything here works without root,
and nothing here can be taken back by the process itself."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

# Where the kernel says how much private memory a process has, in units of 1024 bytes.
_STATUS = Path("/proc/self/status")
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000
# Who owns nothing, where there are users at all.
_NOBODY = 65534


@dataclass(frozen=True)
class Limits:
    cpu_s: float
    """Of one piece of work, in user and system mode; beyond, the process dies."""
    memory_bytes: int
    """More than it has when it begins; beyond, allocations fail."""
    wall_s: float = 20.0
    """Of one piece of work, on a clock: for a process that sleeps instead of computing. Long enough
    for `cpu_s` on a machine that is ten times too busy."""


def leave_the_network() -> bool:
    """Enter a network namespace of its own, without interfaces. False where the platform does not
    let users do that; then the process can still open no socket, see `confine`."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    # Root needs no user namespace, and in one its helpers could not become somebody else.
    ways = [_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET]
    return any(libc.unshare(way) == 0 for way in ways)


def confine(limits: Limits) -> None:
    """Called once, with all files open that it will ever need. From then on the process can open
    neither file nor socket, write no file, start no process, and gain no rights."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if os.geteuid() == 0:  # whom the limit of processes does not bind
            _become_nobody()
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        # Private memory, not addresses: libraries are mapped, and cost nothing.
        _limit(resource.RLIMIT_DATA, _private_bytes() + limits.memory_bytes)
        _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, 0)  # each new descriptor fails, those that are open go on
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # which is to die


def _become_nobody() -> None:
    with contextlib.suppress(OSError):  # a root without the right to be another
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)


def _limit(which: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # lower already
        resource.setrlimit(which, (most, most))


def _private_bytes() -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def begin_work(limits: Limits) -> None:
    """Start the clock of CPU time. It counts what the process computes, not what it waits."""
    signal.setitimer(signal.ITIMER_PROF, limits.cpu_s)


def end_work() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
