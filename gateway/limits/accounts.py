"""Accounts: who is counted under which name, and what is left to each. A tenant's keys share one. A
key has one of its own where ops have limited it. A shopper is counted by address and by session.
What a tenant's batches ask is counted apart."""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from weakref import WeakValueDictionary

from gateway.identity.callers import Caller
from gateway.identity.scopes import ANONYMOUS_TENANT
from gateway.limits.limits import Limits
from gateway.limits.settings import LimitSettings
from gateway.limits.share import Share

Overrides = Mapping[str, Mapping[str, float]]
"""What ops have set: by `tenant:acme`, `batch:acme` or `key:0123456789ab`, then by name of the
limit."""

# About 2 KB each, with its accounts. Those of who has not asked for longest begin anew, with what
# the ledger and SQL know of them.
MAX_CALLERS = 10_000
# Seconds of its rate that an account without a burst may spend at once.
BURST_S = 4


class Account:
    """What one account may still spend at this gateway. `…_left` are parts of the day's allowance,
    see `daily`."""

    __slots__ = (
        *("bytes_left", "bytes_used", "limits", "name", "questions", "recomputes", "tokens_left"),
        *("tokens_used", "report_bytes", "report_tokens", "__weakref__"),
    )

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.questions = _share(name, "q", limits.questions_per_s, limits.burst)
        per_minute = limits.recomputes_per_minute
        self.recomputes = _share(name, "r", per_minute / 60, per_minute)
        self.tokens_used = self.bytes_used = 0.0
        """Not reported yet."""
        self.tokens_left, self.bytes_left = limits.tokens_per_day, limits.bytes_per_day
        self.report_tokens = self.report_bytes = math.inf

    @property
    def counts_days(self) -> bool:
        return min(self.limits.tokens_per_day, self.limits.bytes_per_day) < math.inf


def _share(account: str, what: str, rate: float, burst: float) -> Share | None:
    if math.isinf(rate):
        return None
    if math.isinf(burst):
        burst = rate * BURST_S
    return Share(f"{what}:{account}", rate, max(burst, 1.0))


class Accounts:
    def __init__(
        self,
        settings: LimitSettings,
        name_session: Callable[[str], str],
        want: Callable[[Account], None],
    ) -> None:
        """`name_session` gives the name under which a session is counted. `want` is told of each
        account that counts days, and again when another takes its place."""
        self._name_session = name_session
        self._want = want
        self._tenant = settings.default_limits("tenant")
        self._address = settings.default_limits("address")
        self._session = settings.default_limits("session")
        self._anonymous = settings.default_limits("anonymous")
        self._batch = settings.default_limits("batch")
        self._overrides: Overrides = {}
        # As long as somebody counts under one, or its use is being reported, it is the same.
        self._accounts: WeakValueDictionary[str, Account] = WeakValueDictionary()
        self._of: OrderedDict[tuple[str | None, ...], tuple[Account, ...]] = OrderedDict()

    def of(self, caller: Caller) -> tuple[Account, ...]:
        """All that a request of the caller counts under, its own before those that it shares."""
        name: tuple[str | None, ...]
        if caller.batch:
            name = caller.tenant, None, "batch"
        elif caller.key is not None:
            name = caller.tenant, caller.key
        else:
            name = (None if caller.is_new else caller.session), caller.address
        found = self._of.get(name)
        if found is None:
            found = self._of[name] = tuple(self._accounts_of(caller))
            if len(self._of) > MAX_CALLERS:
                self._of.popitem(last=False)
        else:
            self._of.move_to_end(name)
        return found

    def counting_days(self) -> list[Account]:
        return [account for account in self._accounts.values() if account.counts_days]

    def limits_of_tenant(self, tenant: str) -> Limits:
        default = self._anonymous if tenant == ANONYMOUS_TENANT else self._tenant
        return default.changed(self._overrides.get(f"tenant:{tenant}", {}))

    def limits_of_batch(self, tenant: str) -> Limits:
        """Of all batches and files of a tenant together."""
        return self._batch.changed(self._overrides.get(f"batch:{tenant}", {}))

    def limits_of_session(self) -> Limits:
        return self._session

    def begin_anew(self) -> None:
        """On another day."""
        self._of.clear()
        self._accounts.clear()

    def replace_overrides(self, overrides: Overrides) -> None:
        """Under other limits accounts begin anew, with what ledger and SQL know of them. SQL is
        told first what it is not yet."""
        if overrides == self._overrides:  # told at every change of any key, too
            return
        for account in self.counting_days():
            self._want(account)
        self._overrides = overrides
        self.begin_anew()

    def _accounts_of(self, caller: Caller) -> list[Account]:
        if caller.batch:
            own_limits = self.limits_of_batch(caller.tenant)
            return [self._account(f"batch:{caller.tenant}", own_limits)]
        limits = self.limits_of_tenant(caller.tenant)
        tenant = self._account(f"tenant:{caller.tenant}", limits)
        if caller.key is not None:
            own = self._overrides.get(f"key:{caller.key}")
            keys = [self._account(f"key:{caller.key}", Limits().changed(own))] if own else []
            return [*keys, tenant]
        people = []
        if caller.session is not None and not caller.is_new:
            people.append(self._account(self._name_session(caller.session), self._session))
        if caller.address:
            people.append(self._account(caller.address, self._address))
        # Shoppers together have no limits of requests unless ops set some.
        return [*people, tenant] if _limits_requests(limits) else people

    def _account(self, name: str, limits: Limits) -> Account:
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(name, limits)
            if account.counts_days:
                self._want(account)
        return account


def _limits_requests(limits: Limits) -> bool:
    return (
        min(
            limits.questions_per_s,
            limits.tokens_per_day,
            limits.bytes_per_day,
            limits.recomputes_per_minute,
        )
        < math.inf
    )
