"""What a cached answer costs two versions of the gateway that take turns: this tree's and that of
another one (`git worktree add ../before HEAD~1`). Shorter turns are disturbed alike by other work.

`python -m loadtest.bench.turns ../before`: CPU time of a gateway without its forwarder, page faults
and requests a second, medians of the rounds. The first quarter of the sorted times is what little
disturbed turns took."""

import argparse
import asyncio
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from contract.process.home import PROJECT
from gateway.cli.embedded import free_port
from loadtest.bench.gateway import QUESTION
from loadtest.bench.servers import upload_photo
from loadtest.closed_loop import ask_photo_request, ask_request, photo, process, run_closed_loop
from tests.support.limits import ROOMY


@dataclass(frozen=True)
class Turn:
    cpu_us: float
    faults: float
    per_s: float


def start(stack: ExitStack, tree: Path, folder: Path, redis: int, replica: int) -> tuple[Any, int]:
    """The gateway of a tree, and its port. Each has a database of Redis of its own."""
    port, number = free_port(), len(list(folder.iterdir()))
    own = folder / str(number)
    own.mkdir()
    env = {
        "REDIS_URL": f"redis://127.0.0.1:{redis}/{number}",
        "REPLICAS": f"http://127.0.0.1:{replica}",
        "DATABASE_URL": f"sqlite:///{own}/log.db",
        "IMAGE_DIR": f"{own}/images",
        "SPOOL_DIR": f"{own}/spool",
        "WEB_DIR": "",
        "GATEWAY_PORT": str(port),
        "INTERNAL_PORT": str(free_port()),
        "ADMIN_PORT": str(free_port()),
        **ROOMY,
    }
    migrate = [sys.executable, "-m", "gateway.cli", "migrate"]
    subprocess.run(migrate, env={**os.environ, **env}, cwd=tree, check=True)  # noqa: S603
    command, ready = [sys.executable, "-m", "gateway"], f"http://127.0.0.1:{port}/readyz"
    return stack.enter_context(process(command, ready, cwd=tree, **env)), port


def spent(pid: int) -> tuple[float, int]:
    """CPU time of all threads that are there, in us, and page faults."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    ns = sum(int(task.read_text().split()[0]) for task in tasks)
    return ns / 1000, int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[7])


async def turn(pid: int, port: int, concurrent: int, seconds: float, request: bytes) -> Turn:
    cpu, faults = spent(pid)
    figures = await run_closed_loop(port, concurrent, seconds, itertools.repeat(request))
    assert not figures.errors
    now, faults_now = spent(pid)
    count = max(1, len(figures.times_ms))
    return Turn((now - cpu) / count, (faults_now - faults) / count, figures.per_s)


def bench(trees: list[Path], size: int, rounds: int, seconds: float) -> None:
    with ExitStack() as stack:
        redis, replica = free_port(), free_port()
        server = shutil.which("redis-server") or "redis-server"
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-turns-")))
        stack.enter_context(process([server, "--save", "", "--port", str(redis)]))
        echo = [sys.executable, "-m", "uvicorn", "loadtest.echo_replica:app", "--port"]
        echo += [str(replica), "--no-access-log", "--log-level", "warning"]
        stack.enter_context(process(echo, f"http://127.0.0.1:{replica}/calls"))
        gateways = [start(stack, tree, folder, redis, replica) for tree in trees]
        data = photo(size, 1)
        print("              at once  tree: CPU us (least disturbed)  page faults  hits/s")
        for way, concurrent in itertools.product(("hit", "by id"), (1, 16, 64)):
            requests = []
            for _, port in gateways:
                asked = ask_photo_request(data, QUESTION)
                if way == "by id":
                    asked = ask_request(*_upload(port, data))
                requests.append(asked)
                asyncio.run(run_closed_loop(port, 1, 0.5, itertools.repeat(asked)))
            turns: list[list[Turn]] = [[] for _ in trees]
            for number in range(rounds):
                for at in range(len(trees))[:: 1 if number % 2 else -1]:
                    running, port = gateways[at]
                    one = turn(running.pid, port, concurrent, seconds, requests[at])
                    turns[at].append(asyncio.run(one))
            for tree, seen in zip(trees, turns, strict=True):
                cpu = [each.cpu_us for each in seen]
                faults, rate = (
                    median(getattr(t, name) for t in seen) for name in ("faults", "per_s")
                )
                print(
                    f"{way:>12} {concurrent:>8}  {tree.name}: {median(cpu):.0f}"
                    f" ({quantiles(cpu, n=4)[0]:.0f})  {faults:.1f}  {rate:.0f}",
                    flush=True,
                )


def _upload(port: int, data: bytes) -> tuple[str, str, str]:
    upload, cookie = upload_photo(f"http://127.0.0.1:{port}", data)
    return upload, QUESTION, cookie


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--bytes", type=int, default=200_000, help="of the photo")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn")
    args = parser.parse_args()
    bench([PROJECT, args.other.resolve()], args.bytes, args.rounds, args.seconds)


if __name__ == "__main__":
    main()
