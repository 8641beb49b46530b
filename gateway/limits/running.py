"""The parts of limits, made and started together."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from gateway.cache.redis import RedisClient
from gateway.limits.accounts import Account, Accounts, Overrides
from gateway.limits.daily import Days
from gateway.limits.leasing import Leasing
from gateway.limits.ledger import BATCH_WORKERS, GATEWAYS, RedisLedger
from gateway.limits.limiter import Limiter
from gateway.limits.metrics import LimitMetrics
from gateway.limits.settings import LimitSettings


@dataclass(frozen=True)
class RunningLimits:
    limiter: Limiter
    accounts: Accounts
    _leasing: Leasing
    _days: Days

    @classmethod
    def open(
        cls,
        settings: LimitSettings,
        engine: Engine,
        redis: RedisClient | None,
        name_session: Callable[[str], str],
        registry: CollectorRegistry,
        *,
        batches: bool = False,
    ) -> Self:
        """`redis` is None for a gateway on its own. `name_session`: see Accounts. `batches`: it
        answers lines of batches and no shoppers."""
        among = BATCH_WORKERS if batches else GATEWAYS
        leasing = Leasing(RedisLedger(redis, among) if redis is not None else None)

        def want(account: Account) -> None:
            days.want(account)

        accounts = Accounts(settings, name_session, want)
        days = Days(engine, lambda: leasing.gateways, accounts.begin_anew)
        limiter = Limiter(accounts, leasing, days, LimitMetrics(registry))
        return cls(limiter, accounts, leasing, days)

    def start(self) -> None:
        self._leasing.start()
        self._days.start()

    async def close(self) -> None:
        await self._leasing.close()
        await self._days.close(self.accounts.counting_days())

    def replace_from_thread(self, loop: asyncio.AbstractEventLoop) -> Callable[[Overrides], object]:
        """What another thread than the event loop's calls with the limits that ops have set."""

        def replace(overrides: Overrides) -> object:
            return loop.call_soon_threadsafe(self.accounts.replace_overrides, overrides)

        return replace
