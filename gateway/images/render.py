"""Pictures for servers that are not ours: exactly what the digest names, encoded anew. Such a
server might not turn the file's pixels, know its format, or keep its metadata to itself."""

import asyncio
import time
from collections import OrderedDict
from concurrent.futures import Executor
from io import BytesIO

from contract.images import EncodedImage, check_image
from gateway.images.metrics import ImageMetrics

# At 4:4:4: no difference is seen, also in small red print. A megapixel has about 300 KB.
JPEG_QUALITY = 92


class PictureRenderer:
    """Keeps what it has made, within `limit_bytes`: a photo is asked about more than once."""

    def __init__(self, executor: Executor, limit_bytes: int, metrics: ImageMetrics) -> None:
        self._executor = executor
        self._limit = limit_bytes
        self._metrics = metrics
        self._made: OrderedDict[tuple[str, int], EncodedImage] = OrderedDict()
        self._bytes = 0
        self._making: dict[tuple[str, int], asyncio.Future[EncodedImage]] = {}

    async def render(self, photo: EncodedImage, digest: str, pixel_bound: int) -> EncodedImage:
        """A JPEG of the photo with at most `pixel_bound` pixels. Raises the image errors."""
        name = digest, pixel_bound
        if (made := self._made.get(name)) is not None:
            self._made.move_to_end(name)
            self._metrics.render_reused.inc()
            return made
        making = self._making.get(name)
        if making is None:
            began = time.monotonic()
            loop = asyncio.get_running_loop()
            making = loop.run_in_executor(self._executor, _rendered, photo, pixel_bound)
            self._making[name] = making
            making.add_done_callback(lambda done: self._keep(name, done, began))
        # Shielded: one asker who leaves must not take the picture from the others.
        return await asyncio.shield(making)

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


def _rendered(photo: EncodedImage, pixel_bound: int) -> EncodedImage:
    made = BytesIO()
    pixels = check_image(photo, pixel_bound).pixels
    pixels.save(made, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4")
    return EncodedImage(made.getvalue())
