"""Photos → facts, off the event loop; a file already seen is recognised without decoding."""

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import Executor

from contract.errors import ImageUndecodable, Overloaded
from contract.images import EncodedImage, ImageFacts, check_image

# About 350 bytes an entry: 15 MB of a gateway's 150.
REMEMBERED_FILES = 40_000
# Different photos at once, waiting ones among them: 64 large ones keep two threads busy for 2 s.
MAX_DECODING = 64
# A file that cannot be read is refused without decoding for so long: apps retry, and a hostile one
# costs a decoder's time. Not for ever: a fixed decoder may read it.
REMEMBERED_DAMAGE_S = 60
REMEMBERED_DAMAGED = 1000


class ImageIdentifier:
    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._decoding: dict[str, asyncio.Future[ImageFacts]] = {}
        self._known: OrderedDict[str, ImageFacts] = OrderedDict()
        self._damaged: OrderedDict[str, float] = OrderedDict()

    async def identify(self, image: EncodedImage) -> ImageFacts:
        """Raises the image errors of the contract."""
        key = image.file_digest
        facts = self._known.get(key)
        if facts is not None:
            self._known.move_to_end(key)
            return facts
        if self._damaged.get(key, 0) > time.monotonic():
            raise ImageUndecodable
        decoding = self._decoding.get(key)
        if decoding is None:
            if len(self._decoding) >= MAX_DECODING:
                raise Overloaded
            loop = asyncio.get_running_loop()
            decoding = self._decoding[key] = loop.run_in_executor(self._executor, _facts, image)
            decoding.add_done_callback(lambda _: self._decoding.pop(key))
        # Shielded: one asker who leaves must not take the photo from the others.
        try:
            facts = await asyncio.shield(decoding)
        except ImageUndecodable:
            self._damaged[key] = time.monotonic() + REMEMBERED_DAMAGE_S
            if len(self._damaged) > REMEMBERED_DAMAGED:
                self._damaged.popitem(last=False)
            raise
        self._known[key] = facts
        if len(self._known) > REMEMBERED_FILES:
            self._known.popitem(last=False)
        return facts


def _facts(image: EncodedImage) -> ImageFacts:
    return check_image(image).facts
