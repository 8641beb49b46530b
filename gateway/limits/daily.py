"""The day's allowances: spent from a part that this gateway holds, reported to SQL in batches."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.limits.accounts import Account
from gateway.limits.daily_table import CHUNK, Used, drop_days_before, report
from gateway.log.faults import loggable

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
# An account reports when it has spent this part of its allowance: one statement a second at most
# for a busy account, and none for a shopper with a few questions.
REPORTED_PART = 0.02
# Names of people in the table change each day. Yesterday's rows are for whoever looks at usage.
KEPT_DAYS = 2


class Days:
    """Runs on the event loop, from `start` to `close`. `gateways`: how many share an allowance.
    Days are those of UTC, as in the names of people. `on_new_day` has accounts begin anew."""

    def __init__(
        self, engine: Engine, gateways: Callable[[], int], on_new_day: Callable[[], None]
    ) -> None:
        self._engine = engine
        self._gateways = gateways
        self._on_new_day = on_new_day
        # Two of one name where limits were changed: what the former has used counts, too.
        self._wanted: set[Account] = set()
        self._day = datetime.now(UTC).date()
        self._dropped: date | None = None
        self._failing = False
        self._task: asyncio.Task[None] | None = None
        # Of its own: a database that hangs keeps nobody waiting.
        self._sql = ThreadPoolExecutor(1, thread_name_prefix="daily-limits")

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self, accounts: Sequence[Account] = ()) -> None:
        """Report what was not, also of those `accounts` that have not used enough to be wanted."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._report()
                rest = [each for each in accounts if max(each.tokens_used, each.bytes_used) >= 1]
                while rest and not self._failing:  # in parts: what is done in time is done
                    self._wanted = set(rest[:CHUNK])
                    del rest[:CHUNK]
                    await self._report()
        self._sql.shutdown(wait=False, cancel_futures=True)

    def want(self, account: Account) -> None:
        """Report the account soon, and learn what others have spent of it."""
        self._wanted.add(account)

    def spend(self, account: Account, tokens: float) -> None:
        account.tokens_used += tokens
        account.tokens_left -= tokens
        if account.tokens_used >= account.report_tokens:
            self._wanted.add(account)

    def spend_bytes(self, account: Account, size: float) -> None:
        account.bytes_used += size
        account.bytes_left -= size
        if account.bytes_used >= account.report_bytes:
            self._wanted.add(account)

    @property
    def seconds_left(self) -> float:
        """Until allowances begin anew."""
        now = datetime.now(UTC)
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (tomorrow - now).total_seconds()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self._report()
            if self._day != datetime.now(UTC).date():
                self._day = datetime.now(UTC).date()
                self._wanted.clear()
                self._on_new_day()

    async def _report(self) -> None:
        accounts, self._wanted = self._wanted, set()
        taken = {a: Used(int(a.tokens_used), int(a.bytes_used)) for a in accounts}
        used: dict[str, Used] = {}
        for account, own in taken.items():
            account.tokens_used -= own.tokens
            account.bytes_used -= own.bytes
            before = used.get(account.name, Used(0, 0))
            used[account.name] = Used(before.tokens + own.tokens, before.bytes + own.bytes)
        run = asyncio.get_running_loop().run_in_executor
        try:
            if self._dropped != self._day:
                oldest = self._day - timedelta(KEPT_DAYS)
                await run(self._sql, drop_days_before, self._engine, oldest)
                self._dropped = self._day
            if used:
                totals = await run(self._sql, report, self._engine, self._day, used)
        except (SQLAlchemyError, RuntimeError) as error:
            for account, own in taken.items():
                account.tokens_used += own.tokens
                account.bytes_used += own.bytes
            self._wanted |= accounts
            if not self._failing:
                log.warning("use not reported", extra={"fields": {"why": loggable(error)}})
            self._failing = True
            return
        self._failing = False
        for account in accounts:
            self._divide(account, totals[account.name])

    def _divide(self, account: Account, total: Used) -> None:
        """This gateway's part of what is left of the day."""
        gateways = self._gateways()
        limits = account.limits
        tokens = (limits.tokens_per_day - total.tokens) / gateways - account.tokens_used
        size = (limits.bytes_per_day - total.bytes) / gateways - account.bytes_used
        account.tokens_left, account.bytes_left = tokens, size
        account.report_tokens = _report_at(limits.tokens_per_day, tokens)
        account.report_bytes = _report_at(limits.bytes_per_day, size)


def _report_at(limit: float, left: float) -> float:
    return math.inf if math.isinf(limit) else max(1.0, min(limit * REPORTED_PART, left / 2))
