"""How many bytes of bodies and photos a gateway holds at once. Beyond, requests are refused: 64
photos of 10 MB took 732 MB, nearly all that its container has. No address may hold all of it:
without nginx before the gateway, 16 uploads that stalled kept every photo away."""

import contextlib
import weakref
from collections import Counter
from collections.abc import Callable, Iterator

from contract.errors import Overloaded
from contract.images import EncodedImage
from gateway.errors import RateLimited


class BytesInFlight:
    """`share`: of what others leave, that one address may hold. Two who want all have a third each,
    so there is always something left. A single body may have whatever is free."""

    def __init__(self, limit_bytes: int, share: float = 1.0) -> None:
        self._limit = limit_bytes
        self._share = share
        self.held = 0
        self._held_by: Counter[str] = Counter()

    @contextlib.contextmanager
    def counted(self, address: str = "") -> Iterator[Callable[[int], None]]:
        """For as long as it is entered: what it gives is told how many bytes are held by now, all
        in all. It raises Overloaded where there is no room for them, and RateLimited where the
        `address`, if it is named, holds its share."""
        mine = 0

        def hold(size: int) -> None:
            nonlocal mine
            if size > mine and address:
                self._check_share(address, mine, size - mine)
            self._take(size - mine)
            if address:
                self._held_by[address] += size - mine
            mine = size

        try:
            yield hold
        finally:
            self._give_back(mine)
            if address:
                self._held_by[address] -= mine
                if not self._held_by[address]:
                    del self._held_by[address]

    def count(self, photo: EncodedImage) -> None:
        """For as long as anybody has it. Raises Overloaded."""
        self._take(len(photo.data))
        weakref.finalize(photo, self._give_back, len(photo.data)).atexit = False

    def _check_share(self, address: str, mine: int, more: int) -> None:
        free, own = self._limit - self.held, self._held_by[address]
        if own > mine and more <= free and own + more > self._share * (free + own):
            raise RateLimited

    def _take(self, size: int) -> None:
        if self.held + size > self._limit:
            raise Overloaded
        self.held += size

    def _give_back(self, size: int) -> None:
        self.held -= size
