"""Pictures for servers that are not ours: exactly what the digest names, encoded anew. Such a
server might not turn the file's pixels, know its format, or keep its metadata to itself."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence

from contract.completion import CompletionRequest
from contract.images import EncodedImage
from contract.pixels.decoder import PhotoDecoder
from gateway.images.jobs import PICTURE
from gateway.images.metrics import ImageMetrics


class PictureRenderer:
    """Keeps what it has made, within `limit_bytes`: a photo is asked about more than once."""

    def __init__(self, decoder: PhotoDecoder, limit_bytes: int, metrics: ImageMetrics) -> None:
        self._decoder = decoder
        self._limit = limit_bytes
        self._metrics = metrics
        self._made: OrderedDict[tuple[str, int], EncodedImage] = OrderedDict()
        self._bytes = 0
        self._making: dict[tuple[str, int], asyncio.Future[EncodedImage]] = {}

    async def render(self, photo: EncodedImage, owned: str, pixel_bound: int) -> EncodedImage:
        """A JPEG of the photo with at most `pixel_bound` pixels. `owned`: the tenant and the
        photo's digest, since how long it takes tells who has sent it. Raises the image errors."""
        name = owned, pixel_bound
        if (made := self._made.get(name)) is not None:
            self._made.move_to_end(name)
            self._metrics.render_reused.inc()
            return made
        making = self._making.get(name)
        if making is None:
            began = time.monotonic()
            making = asyncio.ensure_future(self._rendered(photo, pixel_bound))
            self._making[name] = making
            making.add_done_callback(lambda done: self._keep(name, done, began))
        # Shielded: one asker who leaves must not take the picture from the others.
        return await asyncio.shield(making)

    async def render_all(
        self, asked: CompletionRequest, tenant: str, digests: Sequence[str], pixel_bound: int
    ) -> CompletionRequest:
        """The question with pictures in the place of its photos, of which these are the digests."""
        photos = zip(asked.images, digests, strict=True)
        return asked.with_images(
            [await self.render(photo, tenant + digest, pixel_bound) for photo, digest in photos]
        )

    async def _rendered(self, photo: EncodedImage, pixel_bound: int) -> EncodedImage:
        made = await self._decoder.run(PICTURE, photo, pixel_bound=pixel_bound)
        return EncodedImage(made.data)

    def _keep(
        self, name: tuple[str, int], done: asyncio.Future[EncodedImage], began: float
    ) -> None:
        del self._making[name]
        if done.cancelled() or done.exception() is not None:
            return
        self._metrics.render_s.observe(time.monotonic() - began)
        self._made[name] = done.result()
        self._bytes += len(done.result().data)
        while self._bytes > self._limit:
            _, dropped = self._made.popitem(last=False)
            self._bytes -= len(dropped.data)
