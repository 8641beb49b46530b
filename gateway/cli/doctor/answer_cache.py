"""Redis: whether it answers, lets us in, takes writes, is fast enough and drops what is old."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from redis import exceptions

from gateway.cache.servers import RedisServers
from gateway.cli.doctor.clock import compare
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings

PATIENCE_S = 3.0
UNANSWERED = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.RedisClusterException,
    OSError,  # and TimeoutError
)
# Below the names of the gateways' own, and gone by itself.
PROBE_NAME, PROBE_MS = "shopsight:doctor", 1000


def check_redis(settings: Settings) -> Iterator[Finding]:
    address = settings.redis_address
    if address is None:
        said = "REDIS_URL is not set: each gateway keeps answers in its own process"
        yield Finding("redis", Grade.SKIP, said)
        return
    try:
        yield from asyncio.run(_examined(address, settings.cache_budget_ms))
    except (*UNANSWERED, exceptions.RedisError) as error:
        yield Finding("redis", Grade.FAIL, f"{shown(address)} {_why(error)}", _advice(error))


async def _examined(address: str, budget_ms: int) -> list[Finding]:
    """Of several servers those that the probe's name leads to. Raises UNANSWERED, RedisError."""
    place, servers = shown(address), RedisServers(address)
    client = servers.client
    try:
        async with asyncio.timeout(PATIENCE_S):
            await client.ping()
            began = time.perf_counter()
            await client.set(PROBE_NAME, "1", px=PROBE_MS)
            took_ms = (time.perf_counter() - began) * 1000
            ((master, _),) = servers.by_master([PROBE_NAME])
            before = time.time()
            seconds, microseconds = await client.time(**master)
            after = time.time()
            full = await _full(client, master, place)
    finally:
        await servers.close()
    clock = compare("Redis", seconds + microseconds / 1e6, before, after)
    return [_speed(place, took_ms, budget_ms), *full, clock]


def shown(address: str) -> str:
    """An address without its password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _speed(place: str, took_ms: float, budget_ms: int) -> Finding:
    if took_ms <= budget_ms:
        return Finding("redis", Grade.OK, f"{place} takes writes, in {took_ms:.1f} ms")
    said = f"{place} took {took_ms:.0f} ms for a write; CACHE_BUDGET_MS is {budget_ms}"
    return Finding("redis", Grade.WARN, said, "put it nearer, or see what keeps it busy")


async def _full(client: Any, master: dict[str, Any], place: str) -> list[Finding]:
    """A Redis that is full and drops nothing refuses every new answer."""
    try:
        memory = await client.info("memory", **master)
    except exceptions.NoPermissionError:  # an account that may not ask
        return []
    if not memory.get("maxmemory", 0) or memory.get("maxmemory_policy") != "noeviction":
        return []
    said = f"{place} has maxmemory-policy noeviction: once full, it keeps no new answer"
    return [Finding("redis", Grade.WARN, said, "CONFIG SET maxmemory-policy volatile-lru")]


def _why(error: Exception) -> str:
    if isinstance(error, exceptions.AuthenticationError):
        return "refuses the password"
    if isinstance(error, exceptions.NoPermissionError):
        return "does not let this account write"
    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return f"does not answer within {PATIENCE_S:g} s"
    if isinstance(error, UNANSWERED):
        return f"does not answer: {error}"
    return f"refuses: {str(error).partition('.')[0]}"


def _advice(error: Exception) -> str:
    if isinstance(error, exceptions.AuthenticationError):
        return "REDIS_PASSWORD (secrets/redis_password) must be that of the server"
    if isinstance(error, exceptions.NoPermissionError):
        return "give it +@all on ~shopsight:*, or use another account"
    if isinstance(error, UNANSWERED):
        return "start it (docker compose ps redis), or correct REDIS_URL"
    if isinstance(error, exceptions.ResponseError) and "READONLY" in str(error):
        return "REDIS_URL must name the primary, not a read-only copy"
    return "see the log of Redis; questions are answered meanwhile, without the shared cache"
