"""A local share of a limit: what this gateway has leased and may spend without asking anybody."""

from dataclasses import dataclass

# A share asks for more when it has this part of a batch left, so that it does not run dry.
LOW = 0.5
# The part of the burst in one batch: a gateway may have so much more than the limit lets it.
BATCH = 0.25


@dataclass(frozen=True, slots=True)
class Ask:
    """`debt` was spent on credit: it is taken off the account in any case."""

    name: str
    rate: float
    burst: float
    want: float
    debt: float


@dataclass(frozen=True, slots=True)
class Grant:
    amount: float
    retry_s: float = 0.0
    """Where nothing was granted: after how long there will be something."""


class Share:
    """The first batch is spent on credit: nobody's first request waits for a lease."""

    __slots__ = ("_debt", "asked", "batch", "burst", "left", "low", "name", "rate", "refused_until")

    def __init__(self, name: str, rate: float, burst: float) -> None:
        """`rate` a second; `burst` at once."""
        self.name = name
        self.rate = rate
        self.burst = burst
        self.batch = max(1.0, float(int(burst * BATCH))) if rate > 0 else 0.0
        self.left = self._debt = self.batch
        self.low = self.batch * LOW
        self.refused_until = 0.0
        """Until then (monotonic) asking is of no use."""
        self.asked = False

    def ask(self) -> Ask:
        self.asked = True
        debt, self._debt = self._debt, 0.0
        return Ask(self.name, self.rate, self.burst, self.batch, debt)

    def receive(self, grant: Grant, now: float) -> None:
        self.asked = False
        self.left += grant.amount
        if not grant.amount:
            self.refused_until = now + grant.retry_s
