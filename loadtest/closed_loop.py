"""Building blocks of the gateway's benchmarks: server processes, requests as bytes, and a closed
loop of clients, each of which sends its next request as soon as it has its answer."""

import asyncio
import base64
import hashlib
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from contract.process.home import PROJECT
from tests.support.forwarding import forwarder_of

PATH = "/v1/chat/completions"


@contextmanager
def process(
    command: list[str], ready: str | None = None, cwd: Path = PROJECT, **env: str
) -> Iterator[subprocess.Popen[Any]]:
    """Run a server, enter once it answers at the URL `ready`, and end it on exit."""
    running = subprocess.Popen(  # noqa: S603
        command, cwd=cwd, env={**os.environ, **env}, stdout=subprocess.DEVNULL
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
    """A noisy JPEG of about `size` bytes: it neither compresses nor decodes faster than real
    photos."""
    side = int((size / 0.55) ** 0.5)
    image = Image.effect_noise((side, side), 40 + seed % 40).convert("RGB")
    image.putpixel((0, 0), (seed % 256, seed // 256 % 256, 0))
    out = BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def ask_photo_request(data: bytes, question: str) -> bytes:
    return ask_request("data:image/jpeg;base64," + base64.b64encode(data).decode(), question)


def ask_request(image_url: str, question: str, cookie: str | None = None) -> bytes:
    """One HTTP request with a question. `image_url`: a data URI or the id of an upload."""
    content = [
        {"type": "image_url", "image_url": {"url": image_url}},
        {"type": "text", "text": question},
    ]
    body = json.dumps({"model": "shopsight", "messages": [{"role": "user", "content": content}]})
    head = f"POST {PATH} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
    md5 = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    head += f"x-body-md5: {md5}\r\n"  # only nginx's cache reads it
    if cookie:
        head += f"cookie: {cookie}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


@dataclass(frozen=True)
class LoadFigures:
    per_s: float
    """Requests a second."""
    times_ms: list[float]
    errors: int

    def percentile(self, share: float) -> float:
        return sorted(self.times_ms)[int(share * (len(self.times_ms) - 1))]


async def run_closed_loop(
    port: int,
    concurrent: int,
    seconds: float,
    requests: Iterator[bytes],
    pause_s: float = 0.0,
) -> LoadFigures:
    """`concurrent` clients on kept-alive connections, for `seconds` or until `requests` is
    exhausted. One that is refused waits for about `pause_s` before its next request."""
    times: list[float] = []
    errors = 0
    stop_at = time.monotonic() + seconds

    async def client() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < stop_at and (request := next(requests, None)) is not None:
            sent_at = time.perf_counter()
            writer.write(request)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append((time.perf_counter() - sent_at) * 1000)
            if not head.startswith(b"HTTP/1.1 200"):
                errors += 1
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
        writer.close()

    started_at = time.monotonic()
    await asyncio.gather(*(client() for _ in range(concurrent)))
    return LoadFigures(len(times) / (time.monotonic() - started_at), times, errors)


def cpu_s(running: subprocess.Popen[Any]) -> float:
    """CPU time that a gateway has taken so far, in all its threads and in its forwarder."""
    ticks = 0
    for pid in filter(None, (running.pid, forwarder_of(running.pid))):
        # utime is the 14th field, stime the 15th. Split after the second, which may contain spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def proportional_mb(running: subprocess.Popen[Any]) -> float:
    """Memory of a gateway with its forwarder in MB. What both share counts once."""
    kb = 0
    for pid in filter(None, (running.pid, forwarder_of(running.pid))):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        kb += int(rollup.partition("\nPss:")[2].split()[0])
    return kb * 1024 / 1e6


def peak_mb(running: subprocess.Popen[Any]) -> float:
    """The most that the process had resident at any moment, in MB, with what it shares."""
    status = Path(f"/proc/{running.pid}/status").read_text()
    return int(status.partition("\nVmHWM:")[2].split()[0]) * 1024 / 1e6


def resident_mb(running: subprocess.Popen[Any]) -> float:
    """Resident memory of the process in MB."""
    pages = int(Path(f"/proc/{running.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
