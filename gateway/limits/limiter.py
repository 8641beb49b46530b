"""Lets requests through within their callers' limits. A request that is let through at once costs
no I/O: it spends shares that this gateway holds."""

import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import replace
from enum import IntEnum

from contract.render import AnswerPiece, AnswerPieces
from contract.response import Finished
from gateway.errors import QuotaExceeded, RateLimited
from gateway.identity.callers import Caller
from gateway.limits.accounts import Account, Accounts
from gateway.limits.daily import Days
from gateway.limits.leasing import Leasing
from gateway.limits.metrics import LimitMetrics
from gateway.limits.share import Share
from gateway.log.interaction import Interaction
from gateway.pool.queue.fairness import Asker

# Where a limit of 0 lets nothing through: nobody knows when ops will change it.
NEVER_S = 60.0


class OfDay(IntEnum):
    """What of the day's allowance has to be left for a request. Who needs tokens needs bytes, too:
    a question is brought."""

    NOTHING = 0
    BYTES = 1
    TOKENS = 2


class Limiter:
    """Made by `app`, which starts and closes `leasing` and `days`."""

    def __init__(
        self, accounts: Accounts, leasing: Leasing, days: Days, metrics: LimitMetrics
    ) -> None:
        self._accounts = accounts
        self._leasing = leasing
        self._days = days
        self._metrics = metrics

    def admit(self, caller: Caller, of_day: OfDay = OfDay.TOKENS) -> Awaitable[None] | None:
        """Count one request, if what it needs is left of the day: its bytes and tokens are spent
        when they have come. Returns what is to be awaited where a share is spent, None as a rule.
        Raises RateLimited, QuotaExceeded."""
        accounts = self._accounts.of(caller)
        spent = False
        for account in accounts:  # the day of each, also behind one whose share is spent
            if of_day == OfDay.TOKENS and account.tokens_left <= 0:
                self._refuse_day(account, "tokens")
            if of_day and account.bytes_left <= 0:
                self._refuse_day(account, "bytes")
            share = account.questions
            if share is not None and share.left < 1:
                spent = True
        if spent:
            return self._admit_later(accounts)
        self._spend(accounts)
        return None

    async def _admit_later(self, accounts: tuple[Account, ...]) -> None:
        shares = [account.questions for account in accounts if account.questions is not None]
        await self._lease("requests", shares)
        self._spend(accounts)

    async def _lease(self, what: str, shares: list[Share]) -> None:
        """Wait for a lease of those that are spent. Raises RateLimited where there is none."""
        for share in shares:
            if share.left < 1:
                self._leasing.want(share)
        await self._leasing.settled()
        for share in shares:
            if share.left < 1:
                self._metrics.refused(what)
                wait_s = max(share.refused_until - time.monotonic(), 0.01)
                raise RateLimited.of(what, share.burst, wait_s if share.rate > 0 else NEVER_S)

    def _spend(self, accounts: tuple[Account, ...]) -> None:
        for account in accounts:
            share = account.questions
            if share is not None:
                share.left -= 1
                if share.left < share.low:
                    self._leasing.want(share)

    def spend_bytes(self, caller: Caller, size: int) -> None:
        """Of what has come: a body may be shorter than it was said to be."""
        for account in self._accounts.of(caller):
            self._days.spend_bytes(account, size)

    async def paid(self, caller: Caller, pieces: AnswerPieces) -> AsyncGenerator[AnswerPiece]:
        """The pieces of a computation, whose tokens are counted for who began it: at its end, of
        prompt and answer. Where it breaks off or tells none, as many as there were pieces."""
        tokens = 0
        async with aclosing(pieces):
            try:
                async for piece in pieces:
                    if isinstance(piece, Finished):
                        used = piece.usage
                        tokens = used.prompt_tokens + used.completion_tokens or tokens
                    else:
                        tokens += 1
                    yield piece
            finally:
                for account in self._accounts.of(caller):
                    self._days.spend(account, tokens)

    async def recompute(self, interaction: Interaction) -> None:
        """Let a request go past the answer cache. A shopper without a key has few of these, and its
        answer takes nobody else's place: the interaction's `control` says so. Raises
        RateLimited."""
        caller = interaction.caller
        shares = [
            account.recomputes
            for account in self._accounts.of(caller)
            if account.recomputes is not None
        ]
        if any(share.left < 1 for share in shares):
            await self._lease("recomputes", shares)
        for share in shares:
            share.left -= 1
            if share.left < share.low:
                self._leasing.want(share)
        if caller.key is None:
            interaction.control = replace(interaction.control, look_up=False, share=False)

    def asker(self, caller: Caller) -> Asker:
        """As the pool knows the caller. Shoppers are told apart by address, and share one weight: a
        session is nobody, since anybody has as many as it likes."""
        if caller.batch:
            limits = self._accounts.limits_of_batch(caller.tenant)
        else:
            limits = self._accounts.limits_of_tenant(caller.tenant)
        of_key = [account.limits.concurrency for account in self._accounts.of(caller)]
        concurrency = min([limits.concurrency, *of_key]) / self._leasing.gateways
        member = caller.key or caller.address
        whole = caller.key is not None
        return Asker(caller.tenant, member, limits.weight, concurrency, whole)

    def _refuse_day(self, account: Account, what: str) -> None:
        self._days.want(account)  # others may have spent less than their part
        self._metrics.refused(what)
        limits = account.limits
        limit = limits.tokens_per_day if what == "tokens" else limits.bytes_per_day
        raise QuotaExceeded.of(what, limit, self._days.seconds_left)
