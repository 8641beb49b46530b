"""What a probe makes of servers that answer badly, slowly or not at all."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.pool.http.connection_pool import ConnectionPool
from gateway.pool.upstreams import probe as probing
from gateway.pool.upstreams.probe import NotReadyError, ServedModel, probe
from gateway.pool.upstreams.upstream import Upstream

Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
LISTED = json.dumps({"data": [{"id": "qwen", "owned_by": "us", "model_revision": "r1"}]}).encode()
LAST = ServedModel("r1", "qwen", {})


def head(length: int, *lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", f"content-length: {length}", *lines, "", ""]).encode()


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[ConnectionPool, list[str]]]:
    """`answer` is told the path, and writes; the paths asked for are kept."""
    paths: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                paths.append(request.split(b" ")[1].decode())
                await answer(paths[-1], writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    connections = ConnectionPool(
        f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/base", bounds_connecting=False
    )
    try:
        yield connections, paths
    finally:
        connections.close()
        listening.close()


def says(health: bytes, listing: bytes = LISTED) -> Answer:
    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(health if path.endswith("/readyz") else head(len(listing)) + listing)

    return answer


async def test_the_list_of_models_is_read_once_for_a_revision() -> None:
    ready = head(2, "x-model-revision: r1") + b"ok"
    async with server(says(ready)) as (connections, paths):
        served = await probe(connections, Upstream(url="http://x"), None)
        assert (served.revision, served.model_id, served.listing["owned_by"]) == (
            "r1",
            "qwen",
            "us",
        )
        assert await probe(connections, Upstream(url="http://x"), served) is served
        assert paths == ["/base/readyz", "/base/v1/models", "/base/readyz"]


async def test_a_list_that_ends_with_its_connection_is_read() -> None:
    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        if path.endswith("/readyz"):
            writer.write(head(2) + b"ok")
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + LISTED[:20])
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.write(LISTED[20:])
        writer.close()

    async with server(answer) as (connections, _):
        assert (await probe(connections, Upstream(url="http://x"), None)).revision == "r1"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n", head(10), head(10) + b"half"])
async def test_one_that_hangs_anywhere_is_late(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(probing, "PROBE_TIMEOUT_S", 0.2)
    async with server(says(said)) as (connections, _):
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            await probe(connections, Upstream(url="http://x"), LAST)
        assert time.monotonic() - begun < 2
        assert connections._take_idle() is None  # what comes later is nobody's answer


async def test_one_that_drips_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "PROBE_TIMEOUT_S", 0.3)

    async def drip(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(head(1000))
        for _ in range(1000):
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with server(drip) as (connections, _):
        with pytest.raises(TimeoutError):
            await probe(connections, Upstream(url="http://x"), LAST)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        head(2, "x-model-revision: " + "r" * 65) + b"ok",
    ],
)
async def test_one_that_is_not_ready_is_told_apart_from_a_late_one(said: bytes) -> None:
    async with server(says(said)) as (connections, _):
        with pytest.raises(NotReadyError):
            await probe(connections, Upstream(url="http://x"), LAST)


@pytest.mark.parametrize(
    "listing",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"data": []}',
        b'{"data": [7]}',
        b"[" * 100_000,
        b'{"data": [{"id": "m", "created": 1e999}]}',
        b'{"data": [{"id": "m", "owned_by": "\\ud83d"}]}',
    ],
)
async def test_a_list_of_models_that_is_none_is_not_ready(listing: bytes) -> None:
    async with server(says(head(2) + b"ok", listing)) as (connections, _):
        with pytest.raises(NotReadyError):
            await probe(connections, Upstream(url="http://x"), None)


async def test_nobody_there_is_not_ready() -> None:
    async with server(says(b"")) as (connections, _):
        pass
    with pytest.raises(NotReadyError):
        await probe(connections, Upstream(url="http://x"), None)
