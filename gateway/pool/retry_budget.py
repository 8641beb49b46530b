"""How many retries the pool may add to the load. Pure; times in seconds of any one clock."""

from collections import deque

# Requests of the last seconds earn retries: long enough to bridge a burst, short enough that a
# quiet night's credit is not spent in the morning's outage.
WINDOW_S = 10.0


class RetryBudget:
    """Retries are at most this share of the requests of the last WINDOW_S, and `floor_per_s` more
    so that a quiet service may retry at all."""

    def __init__(self, share: float, floor_per_s: float) -> None:
        self._share = share
        self._floor = floor_per_s * WINDOW_S
        self._requests: deque[float] = deque()
        self._retries: deque[float] = deque()

    def asked(self, now: float) -> None:
        """A question, not a retry, goes to the pool."""
        self._requests.append(now)
        self._forget(now)

    def spend(self, now: float) -> bool:
        """Whether one more retry may be made; it is then counted."""
        self._forget(now)
        if len(self._retries) + 1 > self._floor + self._share * len(self._requests):
            return False
        self._retries.append(now)
        return True

    def _forget(self, now: float) -> None:
        for times in (self._requests, self._retries):
            while times and times[0] <= now - WINDOW_S:
                times.popleft()
