"""Photos as a service has them decoded: in helper processes, large ones apart from small ones, so
that a small photo never waits for a large one. Nothing is decoded in the service itself."""

import asyncio
from dataclasses import dataclass
from typing import Any

from PIL import Image

from contract import errors
from contract.errors import ImageTooComplex, ImageUndecodable, ShopsightError
from contract.images import MAX_IMAGE_BYTES, CheckedImage, EncodedImage, ImageFacts
from contract.pixels.jobs import FACTS, PIXELS
from contract.pixels.prescan import cost_of
from contract.sandbox.limits import Limits
from contract.sandbox.processes import (
    HelperProcesses,
    NoHelperError,
    RefusedError,
    StalledError,
    TooCostlyError,
)
from contract.sandbox.spawning import ForkServer

MB = 1024 * 1024
# 60 MP of PNG take 0.9 s. With the 25 MB that a helper has at first, 512 MB.
LARGE_LIMITS = Limits(cpu_s=2.0, memory_bytes=487 * MB)
# 16 MP in 12 scans take 0.6 s and, at 4 bytes a pixel and 6 more for a progressive one, 160 MB.
SMALL_LIMITS = Limits(cpu_s=2.0, memory_bytes=192 * MB)
# Different photos that wait. Large ones take up to 2 s each: more would not be done in time.
MAX_SMALL_WAITING, MAX_LARGE_WAITING = 64, 12
# Memory is in pieces after so much work; and whoever had taken a helper over, has it no longer.
WORKS_EACH = 500
# Of a result: a picture of a foreign server's size at 3 bytes a pixel.
MAX_RESULT_BYTES = 200 * MB

_ERRORS: dict[str, type[ShopsightError]] = {
    error.code: error
    for error in (
        errors.ImageDimensions,
        errors.ImageTooManyPixels,
        errors.ImageTooComplex,
        errors.ImageUndecodable,
        errors.PayloadTooLarge,
        errors.UnsupportedImageType,
    )
}


@dataclass(frozen=True)
class Decoded:
    facts: ImageFacts
    size: tuple[int, int]
    data: bytes
    """What was asked for: pixels, a file, or nothing."""


class PhotoDecoder:
    """`module`: has the helpers' work. `helpers`: for photos that are not large; one more is for
    those that are."""

    def __init__(self, helpers: int, module: str = "contract.pixels.jobs") -> None:
        self._server = ForkServer(module)
        shared = {"max_body_bytes": MAX_IMAGE_BYTES, "max_result_bytes": MAX_RESULT_BYTES}
        self._small = HelperProcesses(
            self._server,
            SMALL_LIMITS,
            count=helpers,
            max_waiting=MAX_SMALL_WAITING,
            works_each=WORKS_EACH,
            **shared,
        )
        self._large = HelperProcesses(
            self._server,
            LARGE_LIMITS,
            count=1,
            max_waiting=MAX_LARGE_WAITING,
            works_each=1,  # its memory goes back at once
            **shared,
        )
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Have helpers ready soon."""
        self._starting = asyncio.create_task(self._small.start())

    async def ready(self) -> None:
        """Return when they are. Raises OSError, EOFError where processes cannot be started."""
        assert self._starting is not None
        await self._starting

    def close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        self._small.close()
        self._large.close()
        self._server.close()

    async def facts(self, image: EncodedImage) -> ImageFacts:
        """Raises the image errors of the contract, Overloaded."""
        return (await self.run(FACTS, image)).facts

    async def checked(self, image: EncodedImage, pixel_bound: int) -> CheckedImage:
        """With the pixels. Raises what `facts` does."""
        decoded = await self.run(PIXELS, image, pixel_bound=pixel_bound)
        if len(decoded.data) != 3 * decoded.size[0] * decoded.size[1]:
            raise ImageUndecodable
        pixels = Image.frombytes("RGB", decoded.size, decoded.data)
        return CheckedImage(decoded.facts, pixels)

    async def run(self, what: str, image: EncodedImage, **how: Any) -> Decoded:
        """One piece of work of the helpers' module."""
        if len(image.data) > MAX_IMAGE_BYTES:
            raise errors.PayloadTooLarge
        helpers = self._large if cost_of(image.data).large else self._small
        try:
            result, data = await helpers.run({"do": what, **how}, image.data)
            return Decoded(_facts(result["facts"]), _size(result["size"]), data)
        except (NoHelperError, StalledError):  # which say nothing of the photo
            raise errors.Overloaded from None
        except TooCostlyError:
            raise ImageTooComplex from None
        except RefusedError as error:
            raise _ERRORS.get(error.code, ImageUndecodable) from None
        except (KeyError, TypeError, ValueError):  # no result of ours
            raise ImageUndecodable from None


def _facts(given: Any) -> ImageFacts:
    facts = ImageFacts(**given)
    texts = isinstance(facts.digest, str) and len(facts.digest) == 64
    numbers = (facts.width, facts.height, facts.size_bytes, facts.orientation)
    if not texts or facts.format not in ("JPEG", "PNG", "WEBP"):
        raise ValueError(given)
    if not all(type(number) is int and number > 0 for number in numbers):
        raise ValueError(given)
    return facts


def _size(given: Any) -> tuple[int, int]:
    width, height = given
    return int(width), int(height)
