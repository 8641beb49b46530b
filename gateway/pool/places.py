"""Places at a replica: some for shoppers' questions, others for those of the batch lane. Neither
takes the other's. Pure, with times in seconds of any one clock."""

from collections.abc import Mapping

from contract.wire import Priority

# A replica that answered that it is full is asked only as a last resort for so long.
FULL_S = 1.0


class Places:
    def __init__(self, most: Mapping[Priority, int]) -> None:
        """`most`: questions in flight at once."""
        self.most = most
        self._taken: dict[Priority, int] = {"interactive": 0, "batch": 0}
        self._full_until: dict[Priority, float] = {"interactive": 0.0, "batch": 0.0}

    def taken(self, priority: Priority) -> int:
        return self._taken[priority]

    def has_room(self, priority: Priority, half_open: bool) -> bool:
        """`half_open`: it may be asked one question at a time, of whatever kind."""
        if half_open:
            return not any(self._taken.values())
        return self._taken[priority] < self.most[priority]

    def take(self, priority: Priority) -> None:
        self._taken[priority] += 1

    def give_back(self, priority: Priority) -> None:
        self._taken[priority] -= 1

    def record_full(self, priority: Priority, now: float) -> None:
        """It refused such a question for lack of capacity."""
        self._full_until[priority] = now + FULL_S

    def recently_full(self, priority: Priority, now: float) -> bool:
        return now < self._full_until[priority]
