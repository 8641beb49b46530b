"""When a question that is refused now may be asked again: what Retry-After tells. Pure, with times
in seconds of any one clock."""

from collections import deque
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Protocol

from contract.errors import NoReplica, Overloaded
from gateway.pool.health import Health

# Only so many of the last restarts and answers count.
KEPT_RESTARTS = 5
KEPT_ANSWERS = 20


class Restarts:
    """How long replicas take from down to ready, and since when each is down."""

    def __init__(self) -> None:
        self._took_s: deque[float] = deque(maxlen=KEPT_RESTARTS)
        self._ready: set[str] = set()
        self._down_since: dict[str, float] = {}
        self._none_ready_since: float | None = None
        self._ever_ready = False

    def observe(self, ready: Mapping[str, bool], now: float) -> None:
        """To be called often: whether each replica, by its URL, is ready now."""
        up = {url for url, is_ready in ready.items() if is_ready}
        for url in up - self._ready:
            # A container that is made anew has another address than the one that it replaces.
            went_down = self._down_since.pop(url, self._none_ready_since)
            if went_down is not None and self._ever_ready:
                self._took_s.append(now - went_down)
        for url in self._ready - up:
            self._down_since[url] = now
        for url in self._down_since.keys() - ready.keys():
            del self._down_since[url]
        if up:
            self._none_ready_since = None
            self._ever_ready = True
        elif self._none_ready_since is None:
            self._none_ready_since = now
        self._ready = up

    def back_in_s(self, now: float) -> float:
        """Until the next replica is ready. One that is late is given as much time again."""
        usual_s = median(self._took_s) if self._took_s else NoReplica.retry_after_s
        since = [*self._down_since.values()]
        if not since and self._none_ready_since is not None:
            since = [self._none_ready_since]
        return min((abs(usual_s - (now - down)) for down in since), default=usual_s)


class AnswerTimes:
    """How long the last answers took, from the moment at which a replica had capacity."""

    def __init__(self) -> None:
        self._took_s: deque[float] = deque(maxlen=KEPT_ANSWERS)

    def record(self, seconds: float) -> None:
        self._took_s.append(seconds)

    def free_in_s(self, waiting: int, in_flight: int) -> float:
        """Until the next question is taken, with so many waiting before it: each answer that ends
        lets one of them go on."""
        usual_s = median(self._took_s) if self._took_s else Overloaded.retry_after_s
        return (waiting + 1) * usual_s / max(in_flight, 1)


class RecoveringReplica(Protocol):
    url: str
    ready: bool
    health: Health

    @property
    def in_flight(self) -> int: ...


class Recovery:
    """What the pool says to those whom it refuses."""

    def __init__(self) -> None:
        self._restarts = Restarts()
        self._answer_times = AnswerTimes()

    def observe(self, replicas: Sequence[RecoveringReplica], now: float) -> None:
        self._restarts.observe({replica.url: replica.ready for replica in replicas}, now)

    def answered(self, seconds: float) -> None:
        self._answer_times.record(seconds)

    def no_replica(self, replicas: Sequence[RecoveringReplica], now: float) -> NoReplica:
        self.observe(replicas, now)
        return NoReplica.retried_after(self._restarts.back_in_s(now))

    def overloaded(
        self,
        candidates: Sequence[RecoveringReplica],
        waiting: int,
        now: float,
        at_least_s: float = 0,
    ) -> Overloaded:
        """`at_least_s`: what a replica that was full has said of itself."""
        in_flight = sum(replica.in_flight for replica in candidates)
        free_in_s = self._answer_times.free_in_s(waiting, in_flight)
        # Above 0 only when all are ejected: each is then asked one question at a time.
        ejected_for_s = min((each.health.ejected_for_s(now) for each in candidates), default=0)
        return Overloaded.retried_after(max(free_in_s, ejected_for_s, at_least_s))
