"""Has photos looked at by helper processes."""

import asyncio
import logging
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import ImageTooComplex
from contract.images import MAX_IMAGE_BYTES
from contract.pixels.prescan import cost_of
from contract.sandbox.limits import Limits
from contract.sandbox.processes import (
    HelperProcesses,
    NoHelperError,
    RefusedError,
    TooCostlyError,
)
from contract.sandbox.spawning import ForkServer
from gateway.moderation.photos.findings import Findings

log = logging.getLogger(__name__)

MB = 1024 * 1024
# Of decoding and all checks together, beside the models: a photo of 60 MP takes 460 MB to decode.
MEMORY_BYTES = 768 * MB
# Photos that wait: two helpers take 3 s for so many. With text it is a minute, and requests wait no
# longer than their deadlines.
MOST_WAITING = 128
# Large ones take half a second.
MOST_LARGE_WAITING = 24
# Of each kind: 300 photos of a phone's camera, or six of the largest.
MOST_WAITING_BYTES = 64 * MB
WORKS_EACH = 500
# Lines and codes of a photo: more is no photo of a product.
MAX_RESULT_BYTES = 256 * 1024


class ExaminerDownError(Exception):
    """Nothing can look at photos. What then happens to them is a setting."""


class _Seen(BaseModel):
    """What a helper says; it could have been taken over."""

    model_config = ConfigDict(strict=True)

    hash: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    nsfw: Annotated[float, Field(ge=0, le=1)] = 0.0
    codes: list[str] = []
    texts: list[str] = []


class PhotoExaminer:
    """`checks`: `nsfw`, `codes`, `text`. `helpers`: photos that are looked at at the same time."""

    def __init__(self, checks: tuple[str, ...], timeout_s: float, helpers: int = 1) -> None:
        self._server = ForkServer("gateway.moderation.photos.jobs", ",".join(checks).encode())
        of_all = partial(
            HelperProcesses,
            self._server,
            Limits(cpu_s=timeout_s, memory_bytes=MEMORY_BYTES, wall_s=timeout_s),
            max_body_bytes=MAX_IMAGE_BYTES,
            max_result_bytes=MAX_RESULT_BYTES,
            works_each=WORKS_EACH,
            max_waiting_bytes=MOST_WAITING_BYTES,
        )
        self._helpers = of_all(count=helpers, max_waiting=MOST_WAITING)
        # Large photos have one of their own: one after the other, for their memory, and no other
        # photo waits for them.
        self._large = of_all(count=1, max_waiting=MOST_LARGE_WAITING)
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Load the models now: that takes a second, which the first photo would wait."""
        self._starting = asyncio.create_task(self._start())

    async def _start(self) -> None:
        try:
            await self._helpers.start()
        except (OSError, EOFError):
            log.exception("the process that looks at photos does not start")

    async def examine(self, photo: bytes) -> Findings:
        """Raises ExaminerDownError where no helper can be started, Overloaded where too many photos
        wait or two helpers were killed from outside, ImageTooComplex for one that is too costly or
        ends its helper: else a photo could choose not to be looked at."""
        helpers = self._large if cost_of(photo).large else self._helpers
        try:
            _, data = await helpers.run({}, photo)
            seen = _Seen.model_validate_json(data)
        except NoHelperError:
            log.warning("a photo was not looked at: no helper")
            raise ExaminerDownError from None
        except (TooCostlyError, RefusedError, ValidationError) as error:
            log.warning("a photo was refused: %s", type(error).__name__)
            raise ImageTooComplex from None
        return Findings(seen.nsfw, tuple(seen.codes), tuple(seen.texts), int(seen.hash, 16))

    @property
    def process_id(self) -> int | None:
        """Of the process that has the models; helpers are its children."""
        return self._server.process_id

    def close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        self._helpers.close()
        self._large.close()
        self._server.close()
