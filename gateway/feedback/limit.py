"""Limits how many votes one voter may send, in case it is a script. Pure."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from gateway.errors import RateLimited

# Votes in WINDOW_S. A shopper who votes on every answer, and changes each vote, stays far below.
MAX_VOTES = 20
WINDOW_S = 60.0
# About 500 bytes a voter.
MAX_VOTERS = 5_000


class VoteLimit:
    """Counts in this gateway only: a voter whose requests reach several gateways has more."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, voter: str) -> None:
        """Count one more vote. Raises RateLimited."""
        now = self._now()
        times = self._times.setdefault(voter, deque())
        self._times.move_to_end(voter)
        if len(self._times) > MAX_VOTERS:
            self._times.popitem(last=False)
        while times and times[0] <= now - WINDOW_S:
            times.popleft()
        if len(times) >= MAX_VOTES:
            raise RateLimited
        times.append(now)
