"""Another Docker engine on this machine: with a network, a name and a disk of its own, and a cable
to the first one that can be cut. For root, where the daemon of Docker is installed."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import running, wait_until

FIRST, SECOND = "10.99.0.1", "10.99.0.2"
# Of its network, its end of the cable and its host. What bears it is an earlier one's.
NAME = "drill"
FOLDER = Path("/var/tmp/shopsight-drill-engine")
RUNS_IN = Path(f"/run/{NAME}-engine")


def run(*command: str, check: bool = True) -> str:
    # Ctrl-C is for the drill, which then needs its commands to clear up.
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, start_new_session=True
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    return done.stdout.strip()


@dataclass
class SecondEngine:
    socket: Path
    cable: str
    """Its end at the first engine."""

    def docker(self, *arguments: str, check: bool = True) -> str:
        return run("docker", "--host", f"unix://{self.socket}", *arguments, check=check)

    def load(self, images: list[str]) -> None:
        """From the first engine, since there may be no registry."""
        save = subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE)
        load = ["docker", "--host", f"unix://{self.socket}", "load"]
        subprocess.run(load, stdin=save.stdout, check=True, capture_output=True)
        if save.wait():
            raise RuntimeError(f"no such images: {images}")

    def cut(self) -> None:
        """Nothing comes through any more, and nobody is told."""
        run("ip", "link", "set", self.cable, "down")

    def mend(self) -> None:
        run("ip", "link", "set", self.cable, "up")


def remove_traces() -> None:
    """Of an engine whose end nobody saw to, and of this one at its end."""
    run("ip", "link", "del", f"{NAME}0", check=False)
    run("ip", "netns", "del", NAME, check=False)
    for line in Path("/proc/self/mounts").read_text().splitlines():
        where = line.split()[1]
        if Path(where).is_relative_to(FOLDER) or Path(where).is_relative_to(RUNS_IN):
            run("umount", "--lazy", where, check=False)
    for folder in (FOLDER, RUNS_IN):
        shutil.rmtree(folder, ignore_errors=True)


def engine_impossible() -> str | None:
    """Why there can be no second engine here."""
    if os.geteuid() or not shutil.which("dockerd"):
        return "a second engine needs root and dockerd"
    return None


@contextmanager
def second_engine() -> Iterator[SecondEngine]:
    ours, theirs = f"{NAME}0", f"{NAME}1"
    remove_traces()
    with ExitStack() as stack:
        stack.callback(remove_traces)
        FOLDER.mkdir()
        run("ip", "netns", "add", NAME)
        run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", NAME)
        run("ip", "addr", "add", f"{FIRST}/24", "dev", ours)
        run("ip", "link", "set", ours, "up")
        inside = ("ip", "-n", NAME)
        run(*inside, "addr", "add", f"{SECOND}/24", "dev", theirs)
        run(*inside, "link", "set", theirs, "up")
        run(*inside, "link", "set", "lo", "up")
        # The engine wants a default route to find itself on.
        run(*inside, "route", "add", "default", "via", FIRST)
        socket = FOLDER / "docker.sock"
        # It ends with the drill, even if that is killed, but not by Ctrl-C before the drill is done
        # with it. Not `ip netns exec`, which hides the control groups.
        command = ["setsid", "setpriv", "--pdeathsig", "TERM"]
        command += ["nsenter", f"--net=/run/netns/{NAME}", "unshare", "--uts", "sh", "-c"]
        command += ['hostname "$0" && exec dockerd "$@"', NAME, f"--host=unix://{socket}"]
        command += [f"--data-root={FOLDER / 'data'}", f"--exec-root={RUNS_IN}"]
        command += [f"--pidfile={FOLDER / 'dockerd.pid'}"]
        stack.enter_context(running(command, FOLDER / "dockerd.log"))
        engine = SecondEngine(socket, ours)
        wait_until("the second engine", lambda: bool(engine.docker("version", check=False)), 120)
        stack.callback(_empty, engine)
        yield engine


def _empty(engine: SecondEngine) -> None:
    """A container left would keep its folder in use, and the engine waiting for its end."""
    engine.docker("swarm", "leave", "--force", check=False)
    with contextlib.suppress(RuntimeError):  # one that is going already
        if left := engine.docker("ps", "--all", "--quiet").split():
            engine.docker("rm", "--force", *left)
