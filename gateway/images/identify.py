"""Photos → facts, off the event loop; a file that the tenant has sent before is recognised without
decoding. Not one of another tenant's: how long it takes would tell who has sent it."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import asdict
from functools import partial

from contract.errors import ImageTooComplex, ImageUndecodable, PhotoError
from contract.images import EncodedImage, ImageFacts
from contract.pixels.decoder import PhotoDecoder
from gateway.images.jobs import STRIP

# About 350 bytes an entry: 15 MB of a gateway's 150.
REMEMBERED_FILES = 40_000
# A file that cannot be read is refused without decoding for so long: apps retry, and a hostile one
# costs a decoder's time. Not for ever: a fixed decoder may read it.
REMEMBERED_DAMAGE_S = 60
REMEMBERED_DAMAGED = 1000


class ImageIdentifier:
    def __init__(self, decoder: PhotoDecoder) -> None:
        self._decoder = decoder
        self._decoding: dict[str, asyncio.Future[ImageFacts]] = {}
        self._known: OrderedDict[str, ImageFacts] = OrderedDict()
        self._damaged: OrderedDict[str, tuple[type[PhotoError], float]] = OrderedDict()

    async def identify(self, image: EncodedImage, tenant: str) -> ImageFacts:
        """Raises the image errors of the contract, Overloaded."""
        key = tenant + image.file_digest
        facts = self._known.get(key)
        if facts is not None:
            self._known.move_to_end(key)
            return facts
        known_error, until = self._damaged.get(key, (ImageUndecodable, 0.0))
        if until > time.monotonic():
            raise known_error
        decoding = self._decoding.get(key)
        if decoding is None:
            decoding = asyncio.ensure_future(self._decoder.facts(image))
            self._decoding[key] = decoding
            decoding.add_done_callback(partial(self._decoded, key))
        # Shielded: one asker who leaves must not take the photo from the others.
        try:
            facts = await asyncio.shield(decoding)
        except (ImageUndecodable, ImageTooComplex) as error:
            self._damaged[key] = type(error), time.monotonic() + REMEMBERED_DAMAGE_S
            if len(self._damaged) > REMEMBERED_DAMAGED:
                self._damaged.popitem(last=False)
            raise
        self._known[key] = facts
        if len(self._known) > REMEMBERED_FILES:
            self._known.popitem(last=False)
        return facts

    def _decoded(self, key: str, done: asyncio.Future[ImageFacts]) -> None:
        del self._decoding[key]
        if not done.cancelled():
            done.exception()  # seen, also where everybody who asked has left

    async def without_metadata(self, image: EncodedImage, facts: ImageFacts) -> EncodedImage:
        """The file as it is kept. Raises what `identify` does."""
        stripped = await self._decoder.run(STRIP, image, facts=asdict(facts))
        return EncodedImage(stripped.data)
