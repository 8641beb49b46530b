"""Has photos looked at by helper processes."""

import asyncio
import logging
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import Overloaded
from contract.images import MAX_IMAGE_BYTES
from contract.pixels.prescan import cost_of
from contract.sandbox.limits import Limits
from contract.sandbox.processes import HelperProcesses, RefusedError, TooCostlyError
from contract.sandbox.spawning import ForkServer
from gateway.moderation.photos.findings import Findings

log = logging.getLogger(__name__)

MB = 1024 * 1024
# Of decoding and all checks together, beside the models: a photo of 60 MP takes 460 MB to decode.
MEMORY_BYTES = 768 * MB
# Photos that wait: each takes 45 ms, with text a second.
MOST_WAITING = 32
# Large ones take half a second, and each body that waits has megabytes.
MOST_LARGE_WAITING = 8
WORKS_EACH = 500
# Lines and codes of a photo: more is no photo of a product.
MAX_RESULT_BYTES = 256 * 1024


class ExaminerDownError(Exception):
    """The photo was not looked at. What then happens to it is a setting."""


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
        self.timeout_s = timeout_s
        self._server = ForkServer("gateway.moderation.photos.jobs", ",".join(checks).encode())
        of_all = partial(
            HelperProcesses,
            self._server,
            Limits(cpu_s=timeout_s, memory_bytes=MEMORY_BYTES, wall_s=timeout_s),
            max_body_bytes=MAX_IMAGE_BYTES,
            max_result_bytes=MAX_RESULT_BYTES,
            works_each=WORKS_EACH,
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
        """Raises ExaminerDownError."""
        helpers = self._large if cost_of(photo).large else self._helpers
        try:
            _, data = await helpers.run({}, photo)
            seen = _Seen.model_validate_json(data)
        except (TooCostlyError, RefusedError, Overloaded, ValidationError) as error:
            log.warning("a photo was not looked at: %s", type(error).__name__)
            raise ExaminerDownError from None
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
