"""Redis: whether it answers, lets us in, takes writes, is fast enough and drops what is old."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.cli.doctor.clock import compare
from gateway.cli.doctor.finding import Finding, Grade
from gateway.config import Settings

PATIENCE_S = 3.0
# Below the names of the gateways' own, and gone by itself.
PROBE_NAME, PROBE_MS = "shopsight:doctor", 1000


def check_redis(settings: Settings) -> Iterator[Finding]:
    address = settings.redis_address
    if address is None:
        said = "REDIS_URL is not set: each gateway keeps answers in its own process"
        yield Finding("redis", Grade.SKIP, said)
        return
    place = shown(address)
    try:
        client = Redis.from_url(
            address,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        said = "REDIS_URL is no address of a Redis"
        yield Finding("redis", Grade.FAIL, said, "it looks like redis://redis:6379/0")
        return
    with client:
        try:
            client.ping()
            began = time.perf_counter()
            client.set(PROBE_NAME, "1", px=PROBE_MS)
            took_ms = (time.perf_counter() - began) * 1000
            before = time.time()
            seconds, microseconds = client.time()
            after = time.time()
        except exceptions.RedisError as error:
            yield Finding("redis", Grade.FAIL, f"{place} {_why(error)}", _advice(error))
            return
        yield _speed(place, took_ms, settings.cache_budget_ms)
        yield from _memory(client, place)
        yield compare("Redis", seconds + microseconds / 1e6, before, after)


def shown(address: str) -> str:
    """An address without its password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _speed(place: str, took_ms: float, budget_ms: int) -> Finding:
    if took_ms <= budget_ms:
        return Finding("redis", Grade.OK, f"{place} takes writes, in {took_ms:.1f} ms")
    said = f"{place} took {took_ms:.0f} ms for a write; CACHE_BUDGET_MS is {budget_ms}"
    return Finding("redis", Grade.WARN, said, "put it nearer, or see what keeps it busy")


def _memory(client: Redis, place: str) -> Iterator[Finding]:
    """A Redis that is full and drops nothing refuses every new answer."""
    try:
        memory: Any = client.info("memory")
    except exceptions.RedisError:  # an account that may not ask
        return
    if memory.get("maxmemory", 0) and memory.get("maxmemory_policy") == "noeviction":
        said = f"{place} has maxmemory-policy noeviction: once full, it keeps no new answer"
        yield Finding("redis", Grade.WARN, said, "CONFIG SET maxmemory-policy volatile-lru")


def _why(error: exceptions.RedisError) -> str:
    if isinstance(error, exceptions.AuthenticationError):
        return "refuses the password"
    if isinstance(error, exceptions.NoPermissionError):
        return "does not let this account write"
    if isinstance(error, exceptions.TimeoutError):
        return f"does not answer within {PATIENCE_S:g} s"
    if isinstance(error, exceptions.ConnectionError):
        return f"does not answer: {error}"
    return f"refuses: {str(error).partition('.')[0]}"


def _advice(error: exceptions.RedisError) -> str:
    if isinstance(error, exceptions.AuthenticationError):
        return "REDIS_PASSWORD (secrets/redis_password) must be that of the server"
    if isinstance(error, exceptions.NoPermissionError):
        return "give it +@all on ~shopsight:*, or use another account"
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError):
        return "start it (docker compose ps redis), or correct REDIS_URL"
    if isinstance(error, exceptions.ResponseError) and "READONLY" in str(error):
        return "REDIS_URL must name the primary, not a read-only copy"
    return "see the log of Redis; questions are answered meanwhile, without the shared cache"
