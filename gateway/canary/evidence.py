"""Evidence that something bad happens more often at one of two revisions. Pure.

It may be looked at as often as one likes. Under the hypothesis that both are alike the evidence is
an e-process: that it ever reaches 1/alpha has a probability of at most alpha, whatever the common
rate is (Ville's inequality; Turner, Ly, Grünwald: Generic E-variables for exact sequential
k-sample tests that allow for optional stopping, 2021). A p-value that is read again and again would
promise less than it says."""

import math
from dataclasses import dataclass

# How many times higher the odds of something bad may be at the canary: evidence is the mean of what
# each of them would have won. Twice is what matters most, and ten times is found within minutes.
ODDS = (1.5, 2.0, 3.0, 10.0)


@dataclass(frozen=True)
class Counts:
    """Of one block: how many requests, and how many of them were bad."""

    requests: int
    bad: int

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.requests + other.requests, self.bad + other.bad)


NOTHING = Counts(0, 0)


class Evidence:
    def __init__(self) -> None:
        self._log_won = [0.0] * len(ODDS)
        self._before = NOTHING  # of the baseline: what the rate is reckoned out of
        # Since the last bet. It waits until there is something at both.
        self._baseline = self._canary = NOTHING
        self.compared = 0
        """Requests of the canary that were bet on."""

    def add(self, baseline: Counts, canary: Counts) -> None:
        """The next block of both. What a block is must not depend on what was bad in it: five
        seconds, or so many requests. Blocks in which one side has nothing are put together with
        those that follow, until it has: how long that takes depends on requests alone, too. Of a
        shop with few customers hardly any block has both, and of thumbs hardly ever."""
        self._canary += canary
        if not self._before.requests:
            self._before = baseline
            return
        self._baseline += baseline
        if not (self._baseline.requests and self._canary.requests):
            return
        rate = (self._before.bad + 0.5) / (self._before.requests + 1)
        for index, odds in enumerate(ODDS):
            self._log_won[index] += _log_won(rate, odds, self._baseline, self._canary)
        self.compared += self._canary.requests
        self._before += self._baseline
        self._baseline = self._canary = NOTHING

    @property
    def value(self) -> float:
        """At least 0, and 1 for none at all."""
        most = max(self._log_won)
        mean = sum(math.exp(each - most) for each in self._log_won) / len(self._log_won)
        return math.exp(min(most + math.log(mean), 700))


def _log_won(rate: float, odds: float, baseline: Counts, canary: Counts) -> float:
    """Logarithm of the likelihood of a block, if the canary's odds were so many times higher, over
    its likelihood if both were alike. `rate`: of the baseline, out of earlier blocks."""
    worse = odds * rate / (1 - rate + odds * rate)
    # With this common rate, and no other, the mean of what is won is at most 1 for every true one.
    alike = baseline.requests * rate + canary.requests * worse
    alike /= baseline.requests + canary.requests
    return _log_ratio(rate, alike, baseline) + _log_ratio(worse, alike, canary)


def _log_ratio(rate: float, other: float, counts: Counts) -> float:
    good = counts.requests - counts.bad
    return counts.bad * math.log(rate / other) + good * math.log((1 - rate) / (1 - other))
