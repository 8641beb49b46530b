"""All replicas: probed in the background, asked with one retry before the first byte."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import urlsplit

import httpx

from contract.errors import DeadlineExceeded, NoReplica, Overloaded, ReplicaFailed
from contract.render import Event
from contract.request import Completion
from gateway.config import Settings
from gateway.pool.balancer import choose_replica, choose_revision
from gateway.pool.replica import Replica, ReplicaUnavailableError
from gateway.prompt import instructed

log = logging.getLogger(__name__)

# The first choice and one other: more would multiply the load when the whole pool is in trouble.
TRIES = 2


async def addresses(url: str) -> list[str]:
    """The URL once for each IPv4 address of its host; empty when the name is unknown. A URL with
    TLS stays as it is: its certificate is for the name."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return [url]
    port = parts.port or 80
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(parts.hostname, port, family=socket.AF_INET)
    except OSError:
        return []
    hosts = {str(address[0]) for *_, address in found}
    return [parts._replace(netloc=f"{host}:{port}").geturl() for host in sorted(hosts)]


class Pool:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # trust_env: a proxy meant for the outside must not see traffic between our own services.
        self._http = httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_connections=1000))
        self.replicas: list[Replica] = []
        self._probing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._probe_all()
        self._probing = asyncio.create_task(self._probe_forever())

    async def close(self) -> None:
        if self._probing is not None:
            self._probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probing
        await self._http.aclose()

    @property
    def ready(self) -> bool:
        return any(replica.ready for replica in self.replicas)

    def models(self) -> list[dict[str, Any]]:
        """What the ready replicas say of their models, one entry a revision."""
        ready = [replica for replica in self.replicas if replica.ready]
        return list({replica.revision: replica.model for replica in ready}.values())

    def choose_revision(self, sticky_id: str) -> str:
        """The revision for this caller among the ready ones, or among those last seen: what is
        cached is still answered when no replica is up. Raises NoReplica before the first was."""
        known = [replica for replica in self.replicas if replica.revision is not None]
        ready = [replica for replica in known if replica.ready]
        weights = {replica.revision: 1.0 for replica in ready or known if replica.revision}
        if not weights:
            raise NoReplica
        return choose_revision(weights, sticky_id)

    async def complete(
        self,
        asked: Completion,
        *,
        revision: str,
        affinity: str,
        headers: dict[str, str],
        deadline: float,
    ) -> AsyncGenerator[Event]:
        """Ask a replica of `revision`; `deadline` in time.monotonic seconds."""
        body = instructed(asked).wire()
        tried: set[str] = set()
        full = False
        for _ in range(TRIES):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise DeadlineExceeded
            replica = self._choose(revision, affinity, tried)
            if replica is None:
                break
            tried.add(replica.url)
            hop = {**headers, "x-deadline-ms": str(int(left_s * 1000))}
            events = replica.complete(body, hop, left_s)
            try:
                async with contextlib.aclosing(events):
                    async for event in events:
                        yield event
                return
            except ReplicaUnavailableError as error:
                full = full or error.full
        if time.monotonic() >= deadline:
            raise DeadlineExceeded
        if full:
            raise Overloaded
        raise ReplicaFailed if self.ready else NoReplica

    def _choose(self, revision: str, affinity: str, tried: set[str]) -> Replica | None:
        fitting = [r for r in self.replicas if r.ready and r.revision == revision]
        if not fitting:
            raise NoReplica
        free = [r for r in fitting if r.in_flight < self._settings.replica_concurrency]
        if not free:
            raise Overloaded
        return choose_replica(free, affinity, tried)

    async def _probe_all(self) -> None:
        await self._follow_names()
        await asyncio.gather(*(replica.probe() for replica in self.replicas))

    async def _follow_names(self) -> None:
        """One replica for each address behind the configured names: scaling shows at once."""
        found = await asyncio.gather(*map(addresses, self._settings.replicas))
        urls = {url for group in found if group for url in group}
        # A name server's hiccup must not empty the pool: what cannot be looked up is kept.
        unknown = not all(found)
        known = {replica.url for replica in self.replicas}
        kept = [r for r in self.replicas if unknown or r.url in urls]
        self.replicas = kept + [Replica(url, self._http) for url in sorted(urls - known)]

    async def _probe_forever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.probe_interval_s)
            try:
                await self._probe_all()
            except Exception:  # a pool that is no longer probed would never recover
                log.exception("probe failed")
