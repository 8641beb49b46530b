"""What a drill of Swarm leaves, taken away whenever it ends: stack, networks, volumes, images. And
of one that was killed, before the next one starts. Nothing is touched that is not a drill's own."""

import contextlib
import fcntl
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.compose.conftest import engine_missing
from tests.drills.second_engine import FIRST, engine_impossible, run
from tests.support.servers import wait_until

# Of stacks, networks, volumes; and of the tags of images.
PREFIX, TAG = "shopsight-drill-", "drill-"
LOCK = Path("/run/lock/shopsight-drill")
# What services may take to end, and how long a manager holds on to a network.
GONE_S = 60

Docker = Callable[..., str]


class Refused(RuntimeError):
    """The drill would have to touch what is somebody else's."""


def docker(*arguments: str, check: bool = True) -> str:
    return run("docker", *arguments, check=check)


@contextmanager
def only_one() -> Iterator[None]:
    with LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused("another drill of Swarm is under way on this machine") from None
        yield


@contextmanager
def ending_in_order() -> Iterator[Callable[[], None]]:
    """SIGINT and SIGTERM end the drill by an exception, once: the next find it clearing up.
    The function says that it does so from now on."""
    wanted = (signal.SIGINT, signal.SIGTERM)

    def deaf() -> None:
        for each in wanted:
            signal.signal(each, signal.SIG_IGN)

    def end(number: int, _: object) -> None:
        deaf()
        print("the drill ends, and clears up …", file=sys.stderr, flush=True)
        raise SystemExit(128 + number)

    before = [(each, signal.signal(each, end)) for each in wanted]
    try:
        yield deaf
    finally:
        for each, handler in before:
            signal.signal(each, handler)


def swarm_state() -> tuple[str, str]:
    """Of this engine: whether it is in a swarm, and at what address."""
    told = docker("info", "--format", "{{.Swarm.LocalNodeState}} {{.Swarm.NodeAddr}}")
    state, _, address = told.partition(" ")
    return state, address


def in_a_swarm() -> str | None:
    """What is told where the engine is in a swarm that is none of a drill's."""
    state, address = swarm_state()
    if state == "inactive" or address == FIRST:
        return None
    return f"this engine is in a swarm already ({state}), which the drill would have to leave"


def why_not() -> str | None:
    """Why the drill would not start here."""
    return engine_missing() or engine_impossible() or in_a_swarm()


def remove_leftovers() -> None:
    """Of a drill that was killed. Raises Refused."""
    if reason := in_a_swarm():
        raise Refused(reason)
    remove_stacks(docker)
    if swarm_state()[0] != "inactive":
        leave_swarm()
    remove_images()
    if left := named(docker, "network", "ls"):
        raise Refused(f"start the engine anew, which holds networks of an earlier drill: {left}")


def leave_swarm() -> None:
    docker("swarm", "leave", "--force", check=False)
    # Docker leaves the bridge between its overlay networks and the machine. No other would use it.
    docker("network", "rm", "docker_gwbridge", check=False)


def named(engine: Docker, *listing: str) -> list[str]:
    """What bears a drill's name."""
    form = "{{.Names}}" if listing[0] == "ps" else "{{.Name}}"
    found = engine(*listing, "--filter", f"name={PREFIX}", "--format", form, check=False)
    return [each for each in found.split() if each.startswith(PREFIX)]


def remove_stacks(*engines: Docker) -> None:
    """The first engine is the manager's. Overlay networks have to go before an engine leaves the
    swarm: else it keeps their addresses until it is started anew, and the next swarm's tasks are
    rejected with "Pool overlaps with other one on this address space"."""
    stacks = docker("stack", "ls", "--format", "{{.Name}}", check=False).split()
    ours = [each for each in stacks if each.startswith(PREFIX)]
    for stack in ours:
        docker("stack", "rm", stack, check=False)
    for engine in engines:
        _remove_containers(engine, GONE_S if ours else 0)
    for engine in engines:
        _remove_networks(engine)
        if volumes := named(engine, "volume", "ls"):
            engine("volume", "rm", "--force", *volumes, check=False)


def _remove_containers(engine: Docker, within_s: float) -> None:
    """Those of a stack that is being removed may end in order, for a time."""
    with contextlib.suppress(TimeoutError):
        wait_until("the end of tasks", lambda: not named(engine, "ps", "--all"), within_s)
    if left := named(engine, "ps", "--all"):
        engine("rm", "--force", *left, check=False)


def _remove_networks(engine: Docker) -> None:
    def gone() -> bool:
        if left := named(engine, "network", "ls"):
            engine("network", "rm", *left, check=False)
        return not left

    try:
        wait_until("the end of networks", gone, GONE_S)
    except TimeoutError:
        print("networks are left:", *named(engine, "network", "ls"), file=sys.stderr)


def remove_images() -> None:
    """Only names of a drill's own go, and what no other name keeps."""
    found = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "shopsight/*", check=False)
    if images := [each for each in found.split() if each.partition(":")[2].startswith(TAG)]:
        docker("rmi", "--force", *images, check=False)
