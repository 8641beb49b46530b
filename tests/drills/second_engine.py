"""Another Docker engine on this machine: with a network, a name and a disk of its own, and a cable
to the first one that can be cut. For root, where the daemon of Docker is installed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import running, wait_until

FIRST, SECOND = "10.99.0.1", "10.99.0.2"


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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


@contextmanager
def second_engine(folder: Path, name: str = "drill") -> Iterator[SecondEngine]:
    if os.geteuid() or not shutil.which("dockerd"):
        raise RuntimeError("a second engine needs root and dockerd")
    ours, theirs = f"{name}0", f"{name}1"
    with ExitStack() as stack:
        run("ip", "netns", "add", name)
        stack.callback(run, "ip", "netns", "del", name, check=False)
        run("ip", "link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        stack.callback(run, "ip", "link", "del", ours, check=False)
        run("ip", "addr", "add", f"{FIRST}/24", "dev", ours)
        run("ip", "link", "set", ours, "up")
        inside = ("ip", "-n", name)
        run(*inside, "addr", "add", f"{SECOND}/24", "dev", theirs)
        run(*inside, "link", "set", theirs, "up")
        run(*inside, "link", "set", "lo", "up")
        # The engine wants a default route to find itself on.
        run(*inside, "route", "add", "default", "via", FIRST)
        socket = folder / "docker.sock"
        # Not `ip netns exec`, which hides the control groups.
        command = ["nsenter", f"--net=/run/netns/{name}", "unshare", "--uts", "sh", "-c"]
        command += ['hostname "$0" && exec dockerd "$@"', name, f"--host=unix://{socket}"]
        command += [f"--data-root={folder / 'data'}", f"--exec-root=/run/{name}-engine"]
        command += [f"--pidfile={folder / 'dockerd.pid'}"]
        stack.callback(shutil.rmtree, folder / "data", ignore_errors=True)
        stack.enter_context(running(command, folder / "dockerd.log"))
        engine = SecondEngine(socket, ours)
        wait_until("the second engine", lambda: bool(engine.docker("version", check=False)), 60)
        # A container left would keep its folder in use.
        stack.callback(engine.docker, "swarm", "leave", "--force", check=False)
        yield engine
