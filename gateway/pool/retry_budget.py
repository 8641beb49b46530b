"""How many retries the pool may add to the load. Pure, with times in seconds of any one clock."""

from collections import deque

# Only requests and retries of the last seconds count. That is long enough for a burst, and short
# enough that the credit of a quiet hour is not spent in an outage.
WINDOW_S = 10.0


class RetryBudget:
    """Within WINDOW_S it allows `share` of the requests as retries, and `floor_per_s` a second in
    addition, so that a quiet service can retry too."""

    def __init__(self, share: float, floor_per_s: float) -> None:
        self._share = share
        self._floor = floor_per_s * WINDOW_S
        self._requests: deque[float] = deque()
        self._retries: deque[float] = deque()

    def record_request(self, now: float) -> None:
        """Count a first try, not a retry."""
        self._requests.append(now)
        self._drop_old(now)

    def try_spend(self, now: float) -> bool:
        """Whether one more retry may be made. If so, it is counted."""
        self._drop_old(now)
        if len(self._retries) + 1 > self._floor + self._share * len(self._requests):
            return False
        self._retries.append(now)
        return True

    def _drop_old(self, now: float) -> None:
        for times in (self._requests, self._retries):
            while times and times[0] <= now - WINDOW_S:
                times.popleft()
