"""What a drill of Swarm that was killed has left in the engine goes before the next one, and
nothing else. An engine that is in a swarm of somebody's is not touched."""

import fcntl
import subprocess
from collections.abc import Iterator

import pytest

from tests.compose.conftest import docker
from tests.drills.swarm_leftovers import (
    LOCK,
    PREFIX,
    TAG,
    Refused,
    leave_swarm,
    remove_leftovers,
    swarm_state,
)

OURS, OTHERS = f"{PREFIX}test_", f"kept-{PREFIX}test_"


def things() -> set[str]:
    """Names of all that is in the engine."""
    listings = (
        ("ps", "--all", "--format", "container {{.Names}}"),
        ("network", "ls", "--format", "network {{.Name}}"),
        ("volume", "ls", "--format", "volume {{.Name}}"),
        ("images", "--format", "image {{.Repository}}:{{.Tag}}"),
    )
    return {line for listing in listings for line in docker(*listing).splitlines()}


def remove_all() -> None:
    for prefix, tag in ((OURS, f"{TAG}test"), (OTHERS, "v0-kept")):
        for command in (
            ("rm", "--force", f"{prefix}gateway"),
            ("network", "rm", f"{prefix}data"),
            ("volume", "rm", "--force", f"{prefix}spool"),
            ("rmi", "--force", f"shopsight/nothing:{tag}"),
        ):
            subprocess.run(["docker", *command], capture_output=True, check=False)


@pytest.fixture
def no_swarm(engine: None) -> Iterator[None]:
    """One test at a time, since there is one engine, and no drill meanwhile."""
    with LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if swarm_state()[0] != "inactive":
            pytest.fail("this engine is in a swarm: an engine without one is needed")
        yield


@pytest.fixture
def left(no_swarm: None) -> Iterator[None]:
    """A container, a network, a volume and an image of a drill, and of others of each."""
    remove_all()
    try:
        make_all()
        yield
    finally:
        remove_all()


def make_all() -> None:
    for prefix, tag in ((OURS, f"{TAG}test"), (OTHERS, "v0-kept")):
        image = f"shopsight/nothing:{tag}"
        subprocess.run(["docker", "import", "--change", f"LABEL tag={tag}", "-", image],
                       input=bytes(10240), check=True, capture_output=True)  # fmt: skip
        docker("network", "create", f"{prefix}data")
        docker("volume", "create", f"{prefix}spool")
        docker("create", "--name", f"{prefix}gateway", "--volume", f"{prefix}spool:/spool",
               "--network", f"{prefix}data", image, "/none")  # fmt: skip


def test_what_a_killed_drill_left_goes_and_nothing_else(left: None) -> None:
    before = things()
    remove_leftovers()
    assert before - things() == {
        f"container {OURS}gateway",
        f"network {OURS}data",
        f"volume {OURS}spool",
        f"image shopsight/nothing:{TAG}test",
    }


@pytest.fixture
def somebodys_swarm(no_swarm: None) -> Iterator[None]:
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
    yield
    leave_swarm()


def test_an_engine_that_is_in_a_swarm_is_not_touched(somebodys_swarm: None) -> None:
    with pytest.raises(Refused, match=r"in a swarm already \(active\)"):
        remove_leftovers()
    assert swarm_state()[0] == "active"
