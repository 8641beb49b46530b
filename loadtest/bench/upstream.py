"""`make bench-upstream`: our replica and a real vLLM, with the same random weights, the same
questions, in float32 on one thread each, over HTTP, in turns. The last line is `RESULT {json}`.

Ratios are of ours to vLLM's, so that above 1 ours is better. They hold for a CPU only."""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import httpx
import psutil

from contract.completion import CompletionRequest, Sampling, Turn
from contract.images import EncodedImage
from gateway.cli.embedded import free_port
from gateway.pool.upstreams.question import body_of
from gateway.pool.upstreams.salts import Salts
from gateway.pool.upstreams.upstream import Upstream
from loadtest.closed_loop import PATH, photo
from loadtest.random_checkpoint import SHAPE_25M, make_checkpoint
from tests.support.servers import running, wait_until
from tests.support.vllm_server import CONTEXT_TOKENS, vllm_server

PHOTO_BYTES = 60_000
PIXELS = 512 * 512  # 256 visual tokens, two blocks of vLLM's cache on a CPU
ANSWER_TOKENS = (8, 48)
WORDS = ["这是什么", "颜色", "材质", "适合", "妈妈", "leather", "bag", "size", "wash", "price"]
# The caches that vLLM has on by default, and ours in part: of prompts, and of photos.
CACHES_OFF = ("--no-enable-prefix-caching", "--mm-processor-cache-gb=0")


@dataclass(frozen=True)
class Server:
    name: str
    upstream: Upstream
    model: str | None
    start_s: float
    pids: Sequence[int]

    @property
    def memory_mb(self) -> float:
        """Of all its processes; what they share counts once."""
        return sum(psutil.Process(pid).memory_full_info().pss for pid in self.pids) / 1e6

    @property
    def cpu_s(self) -> float:
        """Used so far by all its processes, those that have ended too."""
        return sum(sum(psutil.Process(pid).cpu_times()[:4]) for pid in self.pids)


@dataclass(frozen=True)
class Outcome:
    tokens: int
    first_s: float
    total_s: float


@contextmanager
def ours(checkpoint: Path, folder: Path) -> Iterator[Server]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"CHECKPOINT": str(checkpoint), "INFERENCE_PORT": str(port), "DTYPE": "float32"}
    settings |= {"MAX_CONTEXT_TOKENS": str(CONTEXT_TOKENS), "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    with running([sys.executable, "-m", "inference"], folder / "ours.log", **settings) as process:

        def up() -> bool:
            try:
                return httpx.get(f"{url}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until("our replica", up, 300)
        start_s = time.monotonic() - began
        yield Server("ours", Upstream(url=url), None, start_s, _with_children(process.pid))


@contextmanager
def theirs(checkpoint: Path, folder: Path, *options: str) -> Iterator[Server]:
    began = time.monotonic()
    with vllm_server(folder, checkpoint, *options) as server:
        start_s = time.monotonic() - began
        upstream = Upstream(url=server.url, kind="vllm")
        model = httpx.get(f"{server.url}/v1/models").json()["data"][0]["id"]
        name = "vLLM, no caches" if options else "vLLM"
        yield Server(name, upstream, model, start_s, _with_children(server.group))


def _with_children(pid: int) -> list[int]:
    process = psutil.Process(pid)
    return [process.pid, *(child.pid for child in process.children(recursive=True))]


def question(chance: random.Random, data: bytes) -> CompletionRequest:
    text = " ".join(chance.choices(WORDS, k=6))
    sampling = Sampling(max_tokens=chance.randint(*ANSWER_TOKENS))
    return CompletionRequest(
        (Turn("user", f"{text}?"),), EncodedImage(data), sampling, stream=True, include_usage=True
    )


async def ask(client: httpx.AsyncClient, server: Server, asked: CompletionRequest) -> Outcome:
    body = b"".join(body_of(server.upstream, asked, server.model, {}, Salts("bench")))
    headers = {"content-type": "application/json"}
    began, first_s, tokens = time.monotonic(), 0.0, 0
    url = server.upstream.url + PATH
    async with client.stream("POST", url, content=body, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            if not line.startswith("data: {"):
                continue
            chunk: dict[str, Any] = json.loads(line[6:])
            if not first_s and any(each["delta"].get("content") for each in chunk["choices"]):
                first_s = time.monotonic() - began
            if usage := chunk.get("usage"):
                tokens = usage["completion_tokens"]
    total_s = time.monotonic() - began
    return Outcome(tokens, first_s or total_s, total_s)


async def load(
    server: Server, questions: Sequence[CompletionRequest], at_once: int
) -> dict[str, float]:
    """Each of so many clients asks its next question when it has its answer."""
    waiting = iter(questions)
    outcomes: list[Outcome] = []
    async with httpx.AsyncClient(timeout=300, trust_env=False) as client:

        async def one() -> None:
            for asked in waiting:
                outcomes.append(await ask(client, server, asked))  # noqa: PERF401

        began, cpu_s = time.monotonic(), server.cpu_s
        await asyncio.gather(*(one() for _ in range(at_once)))
    tokens = sum(each.tokens for each in outcomes)
    return {
        "tokens_per_s": tokens / (time.monotonic() - began),
        "cpu_ms_per_token": (server.cpu_s - cpu_s) * 1000 / tokens,
        "mean_s": mean(each.total_s for each in outcomes),
        "ttft_s": mean(each.first_s for each in outcomes),
    }


async def measure(servers: Sequence[Server], number: int, rounds: int) -> dict[str, Any]:
    found: dict[str, dict[str, list[float]]] = {server.name: {} for server in servers}
    for server in servers:
        chance = random.Random(0)
        await load(server, [question(chance, photo(PHOTO_BYTES, 9_999)) for _ in range(8)], 4)
    print(
        f"{'':>16} {'at once':>8} {'tokens/s':>9} {'mean s':>7} {'TTFT s':>7} {'second TTFT':>12}"
    )
    for round_number in range(rounds):
        for at_once in (1, 8):
            seed = 100 * round_number + at_once
            chance = random.Random(seed)
            photos = [photo(PHOTO_BYTES, 1_000 * seed + each) for each in range(number)]
            firsts = [question(chance, data) for data in photos]
            seconds = [question(chance, data) for data in photos[: number // 2]]
            turn = round_number % len(servers)
            for server in [*servers[turn:], *servers[:turn]]:
                first = await load(server, firsts, at_once)
                # Of the photos asked about last: what is kept has a bound.
                again = [*reversed(seconds)] if at_once == 1 else seconds
                second = await load(server, again, at_once)
                first["second_ttft_s"] = second["ttft_s"]
                for name, value in first.items():
                    found[server.name].setdefault(f"{name}_{at_once}", []).append(value)
                cells = " ".join(f"{value:11.2f}" for value in first.values())
                print(f"{server.name:>16} {at_once:>8} {cells}", flush=True)
    return {name: {key: median(of) for key, of in each.items()} for name, each in found.items()}


def bench(number: int, rounds: int, without_caches: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        checkpoint = make_checkpoint(folder / "weights", SHAPE_25M, pixels=PIXELS)
        servers = [
            stack.enter_context(ours(checkpoint, folder)),
            stack.enter_context(theirs(checkpoint, folder)),
        ]
        if without_caches:
            servers.append(stack.enter_context(theirs(checkpoint, folder, *CACHES_OFF)))
        found = asyncio.run(measure(servers, number, rounds))
        for server in servers:
            found[server.name] |= {"memory_mb": server.memory_mb, "start_s": server.start_s}
    print(json.dumps(found, indent=1))
    mine, vllm = found["ours"], found["vLLM"]
    result: dict[str, Any] = {}
    for at_once, suffix in ((8, ""), (1, "_alone")):
        more = mine[f"tokens_per_s_{at_once}"] / vllm[f"tokens_per_s_{at_once}"]
        result[f"vs_vllm_tokens_per_s{suffix}"] = more
        # What holds on a busy machine, too.
        less = vllm[f"cpu_ms_per_token_{at_once}"] / mine[f"cpu_ms_per_token_{at_once}"]
        result[f"vs_vllm_cpu{suffix}"] = less
        for key, label in (("ttft_s", "ttft"), ("second_ttft_s", "second_question_ttft")):
            sooner = vllm[f"{key}_{at_once}"] / mine[f"{key}_{at_once}"]
            result[f"vs_vllm_{label}{suffix}"] = sooner
    for key in ("memory_mb", "start_s"):
        result[key], result[f"vllm_{key}"] = mine[key], vllm[key]
    return {key: round(value, 2) for key, value in result.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=24, help="first questions a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-caches", action="store_true", help="another vLLM without any")
    args = parser.parse_args()
    print("RESULT " + json.dumps(bench(args.requests, args.rounds, args.without_caches)))
