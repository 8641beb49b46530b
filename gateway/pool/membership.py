"""Who is in the pool: one replica for each address of the configured names, each of them probed."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from gateway.pool.addresses import addresses
from gateway.pool.replica import Replica
from gateway.pool.settings import PoolSettings
from gateway.pool.telemetry import PoolMetrics
from gateway.pool.upstream import Upstream

log = logging.getLogger(__name__)


class Membership:
    """`changed` is called after each round of probes."""

    def __init__(
        self,
        settings: PoolSettings,
        metrics: PoolMetrics,
        silence_s: float,
        changed: Callable[[], None],
    ) -> None:
        self.replicas: list[Replica] = []
        self._settings = settings
        self._metrics = metrics
        self._changed = changed
        self._silence_s = silence_s
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self._follow_names()
        await self._probe_all()
        # Apart: a name server that is slow to answer must not keep replicas from being probed.
        for work in (self._follow_names, self._probe_all):
            task = asyncio.create_task(_forever(work, self._settings.probe_interval_s))
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
        self._changed()

    async def _follow_names(self) -> None:
        upstreams = self._settings.all_upstreams
        found = await asyncio.gather(*(addresses(upstream.url) for upstream in upstreams))
        pairs = list(zip(upstreams, found, strict=True))
        wanted = {url: upstream for upstream, urls in pairs for url in urls}
        # A name server's hiccup must not empty the pool: what cannot be looked up is kept.
        unknown = {upstream.url for upstream, urls in pairs if not urls}
        kept = [r for r in self.replicas if r.url in wanted or r.upstream.url in unknown]
        for replica in self.replicas:
            if replica not in kept:
                replica.close()
        known = {replica.url for replica in kept}
        new = [self._replica(url, wanted[url]) for url in sorted(wanted.keys() - known)]
        self.replicas = kept + new

    def _replica(self, url: str, upstream: Upstream) -> Replica:
        limit = upstream.concurrency or self._settings.replica_concurrency
        return Replica(url, upstream, self._metrics, limit, self._silence_s)


async def _forever(work: Callable[[], Awaitable[None]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await work()
        except Exception:  # a pool that is no longer probed would never recover
            log.exception("probing failed")
