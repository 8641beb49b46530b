"""`make bench-fairness`: what one shop waits while another asks far more than replicas can answer.
Replicas take a fixed time, so that all else is waiting. The last line is `RESULT {json}`."""

import argparse
import asyncio
import itertools
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from statistics import median

from contract.process.home import PROJECT
from gateway.cli.embedded import free_port
from gateway.identity.keys import hash_key
from loadtest.closed_loop import PATH, LoadFigures, process, run_closed_loop

# How long a replica takes for each answer, in seconds.
ANSWER_S = 0.5
PLACES_A_REPLICA = 4
# Clients of the shop that asks too much, each with a question of its own at any time. One that is
# refused tries again after about PAUSE_S, the shortest Retry-After.
CROWD = 110
PAUSE_S = 1.0
LIMITS = "questions_per_s=1e6 burst=1e6 tokens_per_day=unlimited"
SHOPS = ("crowd", "quiet")


def questions(shop: str) -> Iterator[bytes]:
    """Requests that no two answers are shared among."""
    for number in itertools.count():
        content = f"{shop} {os.urandom(4).hex()} asks its question number {number}?"
        messages = [{"role": "user", "content": content}]
        body = json.dumps({"model": "shopsight", "messages": messages})
        head = f"POST {PATH} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
        head += f"authorization: Bearer {shop}\r\n"
        yield f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


def start(stack: ExitStack, share: float, folder: str) -> int:
    """A gateway before two replicas; its port. Its log is in `folder`."""
    urls = []
    for _ in range(2):
        port = free_port()
        urls.append(f"http://127.0.0.1:{port}")
        command = [sys.executable, "-m", "uvicorn", "loadtest.echo_replica:app"]
        command += ["--no-access-log", "--log-level", "warning", "--port", str(port)]
        stack.enter_context(process(command, urls[-1], ECHO_DELAY_S=str(ANSWER_S)))
    port = free_port()
    env = {
        "API_KEYS": "\n".join(f"{shop} {hash_key(shop)}" for shop in SHOPS),
        "TENANT_LIMITS": LIMITS,
        "PLACES_SHARE": str(share),
        "REPLICA_CONCURRENCY": str(PLACES_A_REPLICA),
        "REPLICAS": ",".join(urls),
        "REDIS_URL": "",
        "DATABASE_URL": f"sqlite:///{folder}/log.db",
        "IMAGE_DIR": f"{folder}/images",
        "SPOOL_DIR": f"{folder}/spool",
        "WEB_DIR": "",
        "GATEWAY_PORT": str(port),
        "INTERNAL_PORT": str(free_port()),
        "ADMIN_PORT": str(free_port()),
    }
    migrate = [sys.executable, "-m", "gateway.cli", "migrate"]
    subprocess.run(migrate, env={**os.environ, **env}, cwd=PROJECT, check=True)  # noqa: S603
    ready = f"http://127.0.0.1:{port}/readyz"
    stack.enter_context(process([sys.executable, "-m", "gateway"], ready, **env))
    return port


async def quiet_shop(port: int, seconds: float) -> LoadFigures:
    return await run_closed_loop(port, 1, seconds, questions("quiet"))


async def one_round(
    port: int, seconds: float, clients: int
) -> tuple[LoadFigures, LoadFigures, LoadFigures]:
    """The quiet shop alone, then beside the crowd; and the crowd."""
    alone = await quiet_shop(port, seconds)
    crowd = asyncio.create_task(
        run_closed_loop(port, clients, seconds + 1, questions("crowd"), PAUSE_S)
    )
    await asyncio.sleep(1)  # until its queue is as long as it gets
    beside = await quiet_shop(port, seconds)
    return alone, beside, await crowd


def bench(seconds: float, rounds: int, share: float, clients: int) -> dict[str, float]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-fair-"))
        port = start(stack, share, folder)
        ratios, inside, refused = [], [], 0
        for _ in range(rounds):
            before = len(total_ms(folder))
            alone, beside, crowd = asyncio.run(one_round(port, seconds, clients))
            times = total_ms(folder)[before:]
            split = len(alone.times_ms)
            inside.append(p95(times[split:]) / p95(times[:split]))
            ratios.append(beside.percentile(0.95) / alone.percentile(0.95))
            refused += alone.errors + beside.errors
            print(
                f"share {share}: alone p50 {alone.percentile(0.5):.0f}"
                f" p95 {alone.percentile(0.95):.0f} ms, beside the crowd"
                f" p50 {beside.percentile(0.5):.0f} p95 {beside.percentile(0.95):.0f} ms;"
                f" the crowd's {crowd.per_s:.0f}/s, {crowd.errors} of them refused",
                flush=True,
            )
    return {
        "p95_vs_idle": round(median(ratios), 2),
        "p95_vs_idle_in_gateway": round(median(inside), 2),
        "refused": refused,
    }


def total_ms(folder: str) -> list[float]:
    """How long the quiet shop's questions took in the gateway, in their order. A client's times
    have what a busy machine lets everybody wait besides."""
    query = "SELECT total_ms FROM interactions WHERE tenant = 'quiet' ORDER BY interaction_id"
    time.sleep(1)  # the log is forwarded within a tenth of that
    with closing(sqlite3.connect(f"{folder}/log.db")) as log:
        return [ms for (ms,) in log.execute(query)]


def p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * (len(times) - 1))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crowd", type=int, default=CROWD, help="30: none of them is refused")
    args = parser.parse_args()
    result = bench(args.seconds, args.rounds, 0.5, args.crowd)
    # Without the cap the crowd has all places, and the order of the queue alone is fair.
    uncapped = bench(args.seconds, args.rounds, 1.0, args.crowd)
    result |= {f"{name}_without_cap": value for name, value in uncapped.items()}
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
