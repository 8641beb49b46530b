"""How many bytes of bodies and photos a gateway holds at once. Beyond, requests are refused: 64
photos of 10 MB took 732 MB, nearly all that its container has."""

import contextlib
import weakref
from collections.abc import Callable, Iterator

from contract.errors import Overloaded
from contract.images import EncodedImage


class BytesInFlight:
    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self.held = 0

    @contextlib.contextmanager
    def counted(self) -> Iterator[Callable[[int], None]]:
        """For as long as it is entered: what it gives is told how many bytes are held by now, all
        in all, and raises Overloaded where there is no room for them."""
        mine = 0

        def hold(size: int) -> None:
            nonlocal mine
            self._take(size - mine)
            mine = size

        try:
            yield hold
        finally:
            self._give_back(mine)

    def count(self, photo: EncodedImage) -> None:
        """For as long as anybody has it. Raises Overloaded."""
        self._take(len(photo.data))
        weakref.finalize(photo, self._give_back, len(photo.data)).atexit = False

    def _take(self, size: int) -> None:
        if self.held + size > self._limit:
            raise Overloaded
        self.held += size

    def _give_back(self, size: int) -> None:
        self.held -= size
