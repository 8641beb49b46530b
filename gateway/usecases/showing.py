"""Shows a question's photos to the replica that takes it. They are read then, and not while the
question waits for a place: each that waits would hold its own copy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contract import attempts
from contract.completion import CompletionRequest
from gateway.cache.key import AnswerKey
from gateway.images.in_flight import BytesInFlight
from gateway.images.render import PictureRenderer
from gateway.pool.upstreams.question import Show
from gateway.usecases.question import Question


@dataclass(frozen=True)
class Showing:
    renderer: PictureRenderer
    in_flight: BytesInFlight

    @contextmanager
    def of(self, question: Question, key: AnswerKey) -> Iterator[Show]:
        """While a replica answers. Shown again, to another replica, they are read again."""
        with self.in_flight.counted() as hold:

            async def show(asked: CompletionRequest, max_pixels: int | None) -> CompletionRequest:
                hold(question.unread_bytes)
                shown = await question.with_photos(asked)
                if max_pixels is None or shown.image is None:
                    return shown
                bound = min(max_pixels, attempts.pixel_bound(key.attempt))
                return await self.renderer.render_all(shown, key.namespace, key.images, bound)

            yield show
