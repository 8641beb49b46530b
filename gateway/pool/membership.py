"""Which replicas are in the pool: one for each address behind the configured names. Resolves the
names and probes the replicas at a fixed interval."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from gateway.pool.addresses import replica_name, resolve
from gateway.pool.places import Places
from gateway.pool.replica import Replica
from gateway.pool.settings import PoolSettings
from gateway.pool.telemetry import PoolMetrics
from gateway.pool.upstreams.salts import Salts
from gateway.pool.upstreams.upstream import Upstream

log = logging.getLogger(__name__)


class Membership:
    """Calls `on_probed` after each round of probes."""

    def __init__(
        self,
        settings: PoolSettings,
        metrics: PoolMetrics,
        silence_s: float,
        salts: Salts,
        on_probed: Callable[[], None],
    ) -> None:
        self.replicas: list[Replica] = []
        self._unresolved: set[str] = set()
        self._settings = settings
        self._metrics = metrics
        self._on_probed = on_probed
        self._silence_s = silence_s
        self._salts = salts
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self._resolve_names()
        await self._probe_all()
        # Two tasks, so that a slow name server does not delay the probes.
        for work in (self._resolve_names, self._probe_all):
            task = asyncio.create_task(_repeat(work, self._settings.probe_interval_s))
            self._tasks.append(task)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for replica in self.replicas:
            replica.close()

    async def _probe_all(self) -> None:
        await asyncio.gather(*(replica.probe() for replica in self.replicas))
        self._on_probed()

    async def _resolve_names(self) -> None:
        upstreams = self._settings.all_upstreams
        resolved = await asyncio.gather(*(resolve(upstream.url) for upstream in upstreams))
        pairs = list(zip(upstreams, resolved, strict=True))
        upstream_of = {url: upstream for upstream, urls in pairs for url in urls}
        # A failed look-up must not empty the pool: replicas of an unresolved name are kept.
        unresolved = {upstream.url for upstream, urls in pairs if not urls}
        if unresolved != self._unresolved:
            fields = {"names": sorted(map(replica_name, unresolved))}
            level = logging.WARNING if unresolved else logging.INFO
            log.log(level, "replicas without an address", extra={"fields": fields})
        self._unresolved = unresolved
        kept = [
            replica
            for replica in self.replicas
            if replica.url in upstream_of or replica.upstream.url in unresolved
        ]
        for replica in self.replicas:
            if replica not in kept:
                replica.close()
        new_urls = sorted(upstream_of.keys() - {replica.url for replica in kept})
        self.replicas = kept + [self._replica(url, upstream_of[url]) for url in new_urls]

    def _replica(self, url: str, upstream: Upstream) -> Replica:
        most = upstream.concurrency or self._settings.replica_concurrency
        places = Places({"interactive": most, "batch": self._settings.replica_batch_concurrency})
        silence_s, salts = self._silence_s, self._salts
        return Replica(url, upstream, self._metrics, places, silence_s, salts)


async def _repeat(work: Callable[[], Awaitable[None]], interval_s: float) -> None:
    while True:
        await asyncio.sleep(interval_s)
        try:
            await work()
        except Exception:  # without probes the pool would never recover
            log.exception("probing failed")
