"""Single-flight: equal questions at the same time share one computation and its stream."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from contract.render import Event, Events
from contract.response import Finished

# A flight that has landed can still be joined for so long: who looked the answer up just before it
# was stored would compute it again. Longer than a look-up may take (CACHE_BUDGET_MS).
LINGER_S = 1.0


class Flight:
    """One computation, in a task of its own: its leader's client may leave, followers stay. When
    the last follower leaves before its end, it is cancelled."""

    def __init__(self, compute: Callable[[], Events]) -> None:
        self._events: list[Event] = []
        self._error: BaseException | None = None
        self._changed = asyncio.Event()
        self._followers = 0
        self._abandoned = False
        self.task = asyncio.create_task(self._run(compute))

    @property
    def open(self) -> bool:
        """Whether another follower may still join."""
        return self.landed if self.task.done() else not self._abandoned

    @property
    def landed(self) -> bool:
        """Ended with an answer that may be shared."""
        last = self._events[-1] if self.task.done() and self._events else None
        return isinstance(last, Finished) and last.reason != "content_filter"

    async def follow(self) -> AsyncGenerator[Event]:
        """Every event from the first on, however late the follower came."""
        self._followers += 1
        try:
            position = 0
            while True:
                changed = self._changed
                while position < len(self._events):
                    yield self._events[position]
                    position += 1
                if changed is not self._changed:
                    continue
                if self._error is not None:
                    raise self._error
                if self.task.done():
                    return
                await changed.wait()
        finally:
            self._followers -= 1
            if not self._followers and not self.task.done():
                self._abandoned = True
                self.task.cancel()

    async def _run(self, compute: Callable[[], Events]) -> None:
        try:
            async for event in compute():
                self._events.append(event)
                self._notify()
        except Exception as error:  # handed to every follower
            self._error = error
        finally:
            # From the loop, after the task is done: followers check `task.done()`.
            asyncio.get_running_loop().call_soon(self._notify)

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Flights:
    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}

    def join_or_lead(self, key: str | None, compute: Callable[[], Events]) -> tuple[Flight, bool]:
        """The flight for this key and whether it was already under way. No key: never shared."""
        if key is None:
            return Flight(compute), False
        flight = self._flights.get(key)
        if flight is not None and flight.open:
            return flight, True
        flight = self._flights[key] = Flight(compute)
        flight.task.add_done_callback(lambda _: self._ended(key, flight))
        return flight, False

    def _ended(self, key: str, flight: Flight) -> None:
        delay_s = LINGER_S if flight.landed else 0
        asyncio.get_running_loop().call_later(delay_s, self._forget, key, flight)

    def _forget(self, key: str, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
