"""`make bench-gateway`: the gateway with production settings against the floor (floor.py), the same
requests in interleaved rounds of one run. The last line is `RESULT {json}`."""

import argparse
import asyncio
import base64
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from PIL import Image

from gateway.cli.embedded import free_port
from gateway.config import PROJECT

PATH = "/v1/chat/completions"
# Photos of a phone, shrunk by the page, and as an app might send them; bytes of the file.
SIZES = {"200 KB": 200_000, "1.5 MB": 1_500_000}


@contextmanager
def process(
    command: list[str], ready: str | None = None, **env: str
) -> Iterator[subprocess.Popen[Any]]:
    """Run a server of this project until it answers at `ready`; end it afterwards."""
    running = subprocess.Popen(  # noqa: S603
        command, cwd=PROJECT, env={**os.environ, **env}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while ready is not None:
            try:
                if httpx.get(ready, trust_env=False).status_code < 500:
                    break
            except httpx.TransportError:
                pass
            if running.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"did not start: {' '.join(command)}")
            time.sleep(0.1)
        yield running
    finally:
        running.terminate()
        running.wait(15)


def photo(size: int, seed: int) -> bytes:
    """A noisy JPEG of about `size` bytes: noise neither compresses nor decodes faster than life."""
    side = int((size / 0.55) ** 0.5)
    made = Image.effect_noise((side, side), 40 + seed % 40).convert("RGB")
    out = BytesIO()
    made.save(out, "JPEG", quality=85)
    return out.getvalue()


def request_bytes(data: bytes, question: str) -> bytes:
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    content = [
        {"type": "image_url", "image_url": {"url": uri}},
        {"type": "text", "text": question},
    ]
    body = json.dumps({"model": "shopsight", "messages": [{"role": "user", "content": content}]})
    head = f"POST {PATH} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


@dataclass(frozen=True)
class Figures:
    per_s: float
    times_ms: list[float]
    bad: int

    def percentile(self, share: float) -> float:
        return sorted(self.times_ms)[int(share * (len(self.times_ms) - 1))]


async def drive(port: int, concurrent: int, seconds: float, requests: Iterator[bytes]) -> Figures:
    """Closed loop of `concurrent` kept-alive connections for `seconds`."""
    times: list[float] = []
    bad = 0
    stop_at = time.monotonic() + seconds

    async def client() -> None:
        nonlocal bad
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < stop_at:
            request = next(requests)
            begun = time.perf_counter()
            writer.write(request)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append((time.perf_counter() - begun) * 1000)
            bad += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    begun = time.monotonic()
    await asyncio.gather(*(client() for _ in range(concurrent)))
    return Figures(len(times) / (time.monotonic() - begun), times, bad)


def resident_mb(running: subprocess.Popen[Any]) -> float:
    pages = int(Path(f"/proc/{running.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def hits(ports: dict[str, int], seconds: float, rounds: int) -> dict[str, float]:
    """Requests/s of a cached answer, ours against the floor."""
    ratios: dict[str, float] = {}
    print(f"{'hits':>8} {'at once':>7} {'floor/s':>8} {'ours/s':>8} {'ratio':>6}  ours p50, p99 ms")
    for name, size in SIZES.items():
        wanted = request_bytes(photo(size, 1), "这是真皮吗?")
        for concurrent in (1, 16, 64):
            seen: list[tuple[Figures, Figures]] = []
            for port in ports.values():
                await drive(port, 1, 0.3, itertools.repeat(wanted))
            for _ in range(rounds):
                floor = await drive(ports["floor"], concurrent, seconds, itertools.repeat(wanted))
                ours = await drive(ports["ours"], concurrent, seconds, itertools.repeat(wanted))
                assert not floor.bad
                assert not ours.bad
                seen.append((floor, ours))
            ratio = median(ours.per_s / floor.per_s for floor, ours in seen)
            ratios[f"{name} {concurrent}"] = ratio
            floor, ours = seen[-1]
            print(
                f"{name:>8} {concurrent:>7} {floor.per_s:8.0f} {ours.per_s:8.0f} {ratio:5.2f}×"
                f"  {ours.percentile(0.5):.1f}, {ours.percentile(0.99):.1f}",
                flush=True,
            )
    return ratios


async def misses(ports: dict[str, int], seconds: float, rounds: int) -> tuple[float, float]:
    """What a miss costs over the floor's, p50 and p99 in ms: a known photo, a new question."""
    data = photo(SIZES["200 KB"], 2)
    over: list[tuple[float, float]] = []
    unasked = itertools.cycle([request_bytes(data, f"{random.random()}?") for _ in range(4000)])
    for _ in range(rounds):
        figures = {}
        for name, port in ports.items():
            figures[name] = await drive(port, 16, seconds, unasked)
        floor, ours = figures["floor"], figures["ours"]
        marks = [(f.percentile(0.5), f.percentile(0.99)) for f in (floor, ours)]
        over.append((marks[1][0] - marks[0][0], marks[1][1] - marks[0][1]))
        print(
            f"misses, 16 at once: floor p50 {marks[0][0]:.1f} p99 {marks[0][1]:.1f}"
            f" ({floor.per_s:.0f}/s), ours {marks[1][0]:.1f} {marks[1][1]:.1f} ({ours.per_s:.0f}/s)"
        )
    return median(a for a, _ in over), median(b for _, b in over)


def stampede(url: str, replica: str) -> int:
    """Calls of the replica for 50 equal new questions at once."""
    before = httpx.get(f"{replica}/calls").json()
    wanted = request_bytes(photo(SIZES["200 KB"], 3), f"stampede {time.time()}")
    body = wanted.partition(b"\r\n\r\n")[2]

    async def ask_all() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            headers = {"content-type": "application/json"}
            asked = (client.post(url + PATH, content=body, headers=headers) for _ in range(50))
            for answer in await asyncio.gather(*asked):
                answer.raise_for_status()

    asyncio.run(ask_all())
    return int(httpx.get(f"{replica}/calls").json() - before)


def bench(seconds: float, rounds: int) -> dict[str, float]:
    redis = shutil.which("redis-server")
    if redis is None:
        raise SystemExit("redis-server is needed: run tests/install-servers as root")
    ports = {name: free_port() for name in ("redis", "replica", "floor", "ours")}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-bench-"))
        env = {
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}",
            "REPLICAS": urls["replica"],
            "DATABASE_URL": f"sqlite:///{folder}/log.db",
            "SPOOL_DIR": f"{folder}/spool",
            "GATEWAY_PORT": str(ports["ours"]),
            "INTERNAL_PORT": str(free_port()),
            "WEB_DIR": "",
        }
        options = ["--save", "", "--dir", folder, "--port", str(ports["redis"])]
        stack.enter_context(process([redis, *options]))
        migrate = [sys.executable, "-m", "gateway.cli", "migrate"]
        subprocess.run(migrate, env={**os.environ, **env}, cwd=PROJECT, check=True)  # noqa: S603
        for name, app in (("replica", "echo_replica"), ("floor", "floor")):
            command = [sys.executable, "-m", "uvicorn", f"loadtest.{app}:app", "--no-access-log"]
            command += ["--log-level", "warning", "--port", str(ports[name])]
            stack.enter_context(process(command, urls[name], **env))
        command = [sys.executable, "-m", "gateway"]
        gateway = stack.enter_context(process(command, f"{urls['ours']}/readyz", **env))
        pair = {name: ports[name] for name in ("floor", "ours")}
        ratios = asyncio.run(hits(pair, seconds, rounds))
        p50, p99 = asyncio.run(misses(pair, seconds, rounds))
        calls = stampede(urls["ours"], urls["replica"])
        return {
            "hit_vs_floor": round(ratios["200 KB 16"], 2),
            "miss_over_floor_p50_ms": round(p50, 2),
            "miss_over_floor_p99_ms": round(p99, 2),
            "stampede_calls": calls,
            "rss_mb": round(resident_mb(gateway), 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print("RESULT " + json.dumps(bench(args.seconds, args.rounds)))


if __name__ == "__main__":
    main()
