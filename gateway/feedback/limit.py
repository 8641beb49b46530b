"""How many votes one voter may cast: a finger on a thumb, or a script. Pure."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from gateway.errors import RateLimited

# A shopper who votes on every answer, and changes each vote, does not come near.
VOTES = 20
WINDOW_S = 60.0
# About 500 bytes a voter.
REMEMBERED_VOTERS = 5_000


class VoteLimit:
    """Of this gateway: a voter who is spread over several has so much more."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._cast: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, voter: str) -> None:
        """Count one more vote. Raises RateLimited."""
        now = self._now()
        cast = self._cast.setdefault(voter, deque())
        self._cast.move_to_end(voter)
        if len(self._cast) > REMEMBERED_VOTERS:
            self._cast.popitem(last=False)
        while cast and cast[0] <= now - WINDOW_S:
            cast.popleft()
        if len(cast) >= VOTES:
            raise RateLimited.retried_after(cast[0] + WINDOW_S - now)
        cast.append(now)
