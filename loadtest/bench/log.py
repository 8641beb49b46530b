"""`make bench-log`: how much time the behaviour log adds to a cached answer, against the same
gateway without it, in interleaved rounds. Also, how fast a full spool is forwarded to MariaDB."""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine, text

from gateway.cli.embedded import free_port
from gateway.config import Settings
from gateway.identity.callers import Caller
from gateway.log.event import to_event
from gateway.log.interaction import Interaction
from gateway.log.outbox.forwarder import Forwarder
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.spool import MAX_GROUP
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.schema.database import open_database
from loadtest.bench.gateway import SIZES
from loadtest.closed_loop import ask_photo_request, cpu_s, photo, process, run_closed_loop
from tests.support.limits import ROOMY
from tests.support.migrating import migrate
from tests.support.servers import mariadb_server

ROWS = 20_000
ANSWER = "看起来是荔枝纹皮革质感，简洁耐看，适合送给妈妈。"


def bench_hits(folder: Path, database_url: str, seconds: float, rounds: int) -> dict[str, float]:
    """Milliseconds that the log adds to a hit, at p50 and p99, with a photo of 200 KB."""
    request = ask_photo_request(photo(SIZES["200 KB"], 1), "这是真皮吗?")
    with ExitStack() as stack:
        replica = free_port()
        command = [sys.executable, "-m", "uvicorn", "loadtest.echo_replica:app", "--no-access-log"]
        command += ["--log-level", "warning", "--port", str(replica)]
        url = f"http://127.0.0.1:{replica}"
        stack.enter_context(process(command, url))
        ports = {}
        running: dict[str, subprocess.Popen[Any]] = {}
        modules = {"off": "loadtest.gateway_without_log", "process": "gateway", "power": "gateway"}
        for way, module in modules.items():
            ports[way] = free_port()
            environment = {
                "REPLICAS": url,
                **ROOMY,
                "DATABASE_URL": database_url,
                "SPOOL_DIR": str(folder / "spool"),
                "LOG_DURABILITY": "power" if way == "power" else "process",
                "REDIS_URL": "",
                "WEB_DIR": "",
                "GATEWAY_PORT": str(ports[way]),
                "INTERNAL_PORT": str(free_port()),
                "ADMIN_PORT": str(free_port()),
            }
            ready = f"http://127.0.0.1:{ports[way]}/readyz"
            command = [sys.executable, "-m", module]
            running[way] = stack.enter_context(process(command, ready, **environment))
        return asyncio.run(compare(ports, running, request, seconds, rounds))


async def compare(
    ports: dict[str, int],
    running: dict[str, subprocess.Popen[Any]],
    request: bytes,
    seconds: float,
    rounds: int,
) -> dict[str, float]:
    added: dict[str, float] = {}
    for port in ports.values():
        await run_closed_loop(port, 1, 1, itertools.repeat(request))
    for concurrent in (1, 16):
        seen: dict[str, list[tuple[float, float, float, float]]] = {way: [] for way in ports}
        for _ in range(rounds):
            for way, port in ports.items():
                before_s = cpu_s(running[way])
                figures = await run_closed_loop(
                    port, concurrent, seconds, itertools.repeat(request)
                )
                assert not figures.errors
                cpu_us = (cpu_s(running[way]) - before_s) / len(figures.times_ms) * 1e6
                percentiles = figures.percentile(0.5), figures.percentile(0.99)
                seen[way].append((*percentiles, figures.per_s, cpu_us))
        off = seen["off"]
        for way, of_way in seen.items():
            p50, p99, per_s, cpu = (median(column) for column in zip(*of_way, strict=True))
            print(
                f"hits, {concurrent:>2} at once, log {way:<7}:"
                f" p50 {p50:6.2f} ms, p99 {p99:6.2f} ms, {per_s:5.0f}/s,"
                f" {cpu:5.0f} us of CPU",
                flush=True,
            )
            pairs = list(zip(of_way, off, strict=True))
            added[f"{way} {concurrent} p50"] = median(ours[0] - bare[0] for ours, bare in pairs)
            added[f"{way} {concurrent} p99"] = median(ours[1] - bare[1] for ours, bare in pairs)
            added[f"{way} {concurrent} rate"] = median(ours[2] / bare[2] for ours, bare in pairs)
            added[f"{way} {concurrent} cpu"] = median(ours[3] / bare[3] for ours, bare in pairs)
    return added


def events(count: int) -> list[str]:
    """Events with as many fields as those of real answers."""
    made = []
    for number in range(count):
        interaction = Interaction(f"{number:032x}", caller=Caller("public", session="5" * 32))
        row = interaction.row(None) | {
            "image_digest": "d" * 64,
            "image_format": "JPEG",
            "image_width": 1280,
            "image_height": 960,
            "image_bytes": 200_000,
            "question": "这是真皮吗?适合送给妈妈吗?",
            "language": "zh",
            "answer": ANSWER,
            "outcome": "answered",
            "finish_reason": "stop",
            "cache": "miss",
            "model_revision": "demo-0123456789ab",
            "prompt_tokens": 80,
            "completion_tokens": 24,
            "identify_ms": 3.1,
            "screen_ms": 0.1,
            "look_up_ms": 0.4,
            "first_text_ms": 240.5,
        }
        made.append(to_event(row))
    return made


def bench_forwarding(folder: Path, database_url: str, rows: int) -> float:
    """Rows a second from a full spool to MariaDB, which syncs each batch's commit to its disk."""
    settings = Settings(database_url=database_url, spool_dir=folder / "full")
    spools = SpoolFolder(settings.spool_dir, "process")
    spool = spools.create_spool()
    waiting = events(rows)
    for begin in range(0, rows, MAX_GROUP):
        spool.append(waiting[begin : begin + MAX_GROUP])
    engine = open_database(settings)
    forwarder = Forwarder(settings, spools, spool, engine, OutboxMetrics(CollectorRegistry()))
    started_at = time.perf_counter()
    forwarder.start()
    while forwarder.depth:
        time.sleep(0.005)
    took_s = time.perf_counter() - started_at
    forwarder.stop(1)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT COUNT(*) FROM interactions")) >= rows
    engine.dispose()
    print(f"forwarding: {rows} rows of {len(waiting[0])} bytes in {took_s:.2f} s", flush=True)
    return rows / took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    # Short rounds: what else the machine does disturbs all of one round alike.
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=12)
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-bench-")))
        server = stack.enter_context(mariadb_server(folder, durable=True))
        migrate(server.url)
        root = create_engine(server.url)
        with root.connect() as connection:  # MySQL's default, which the log's guarantees need
            connection.execute(text("SET GLOBAL innodb_flush_log_at_trx_commit = 1"))
        root.dispose()
        per_s = median(bench_forwarding(folder, server.url, ROWS) for _ in range(3))
        added = bench_hits(folder, server.url, args.seconds, args.rounds)
    result = {
        "hit_added_p50_ms": round(added["process 16 p50"], 2),
        "hit_added_p99_ms": round(added["process 16 p99"], 2),
        "hit_added_p50_ms_alone": round(added["process 1 p50"], 2),
        "hit_added_p50_ms_power": round(added["power 16 p50"], 2),
        "hit_rate_against_no_log": round(added["process 16 rate"], 2),
        "hit_cpu_against_no_log": round(added["process 16 cpu"], 2),
        "forward_rows_per_s": round(per_s),
    }
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main()
