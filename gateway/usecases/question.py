"""A request's body → the question in it: as it was typed, as the model is asked, and its photos."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded, ImageNotFound, Overloaded
from contract.images import EncodedImage, ImageFacts
from gateway.cache.key import AnswerKey, answer_key
from gateway.errors import RateLimited
from gateway.images.remote import errors as remote
from gateway.log.masking import personal
from gateway.moderation.verdict import NOTHING, Verdict, stronger
from gateway.usecases.tasks import QUESTION, Task

# What one asker meets, and others of the same question need not: its time is up, it is pushed out
# of the queue or limited, its upload was erased, the address of its photo is in trouble.
ASKERS_OWN = (
    *(DeadlineExceeded, Overloaded, RateLimited, ImageNotFound),
    *(remote.ImageUrlChanged, remote.ImageUrlUnreachable, remote.ImageUrlTooSlow),
    *(remote.ImageUrlRefused, remote.ImageUrlRedirected),
)

BodyName = tuple[str, str]
"""Tenant and BLAKE3. The tenant: how fast an answer comes must not tell what others have asked."""


@dataclass(slots=True)
class Known:
    """What is known of a question from its body alone; shared by all requests with that body."""

    asked: CompletionRequest
    """As it was typed, for the log. Without the bytes of its photo, as the next."""
    canonical: CompletionRequest
    """As the model is asked, and as the answer cache's key names it."""
    personal: bool
    """Whether its texts name a person: then its answer is its asker's alone."""
    task: Task = QUESTION
    image: ImageFacts | None = None
    further: tuple[ImageFacts, ...] = ()
    """Of the photos beside the first."""
    verdict: Verdict = NOTHING
    screened_by: str = ""
    """The version of the text policy that the verdict is of."""
    _key: AnswerKey | None = None

    @property
    def shareable(self) -> bool:
        """Whether others may be given its answer."""
        return self.asked.sampling.repeatable and not self.personal and self.verdict.shareable

    @property
    def chars(self) -> int:
        forms = (self.asked,) if self.asked is self.canonical else (self.asked, self.canonical)
        turns = sum(len(turn.text) for form in forms for turn in form.turns)
        urls = sum(map(len, self.asked.urls))
        return turns + urls + len(self.asked.sampling.schema or "")

    def key(self, revision: str, namespace: str) -> AnswerKey:
        key = self._key
        if key is None or key.revision != revision or key.namespace != namespace:
            image = self.image.digest if self.image else ""
            further = [facts.digest for facts in self.further]
            version = self.task.version
            key = answer_key(self.canonical, image, revision, namespace, version, further)
            self._key = key
        return key


@dataclass(slots=True)
class Question:
    """One request's question; `photo` gives the file's bytes once more, for a replica."""

    known: Known
    photo: Callable[[], Awaitable[EncodedImage | None]]
    further: list[Callable[[], Awaitable[EncodedImage]]]
    """The same of the photos beside the first."""
    name: BodyName | None = None
    """Under which it is remembered; None when it is not, or is already."""
    unread_bytes: int = 0
    """Of its photos that are not held until they are read: they are kept, or fetched once more."""
    photo_verdict: Verdict = NOTHING
    looks: list[asyncio.Task[Verdict]] = field(default_factory=list)
    """At photos that were not seen before: they say later what `photo_verdict` is."""

    @property
    def asked(self) -> CompletionRequest:
        return self.known.asked

    async def verdict_on_photo(self) -> Verdict:
        """The verdict on its photos, once they were looked at. Raises what a look does."""
        for look in self.looks:
            # Shielded: who leaves must not take it from those who have joined the computation.
            self.photo_verdict = stronger(self.photo_verdict, await asyncio.shield(look))
        return self.photo_verdict

    def photos(self) -> list[tuple[ImageFacts, Callable[[], Awaitable[EncodedImage | None]]]]:
        """All that it shows, once they are identified."""
        if self.known.image is None:
            return []
        facts = (self.known.image, *self.known.further)
        return list(zip(facts, (self.photo, *self.further), strict=True))

    async def with_photos(self, asked: CompletionRequest) -> CompletionRequest:
        """As it is `asked`, with the files of its photos."""
        first = await self.photo()
        others = [await read() for read in self.further]
        return asked.with_images([first, *others] if first is not None else [])


def new_question(
    asked: CompletionRequest, name: BodyName | None = None, task: Task = QUESTION
) -> Question:
    """A question that was parsed anew; what is remembered of it holds no photo's bytes."""

    async def again() -> CompletionRequest:
        return asked

    without = tuple(replace(photo, image=None) for photo in asked.further)
    known = _known(replace(asked, image=None, further=without), task)
    return question_of(known, again, name)


def question_of(
    known: Known,
    again: Callable[[], Awaitable[CompletionRequest]],
    name: BodyName | None = None,
) -> Question:
    """`again`: the request with the bytes of its photos, which were sent with it."""

    async def photo() -> EncodedImage | None:
        return (await again()).image

    def reader(number: int) -> Callable[[], Awaitable[EncodedImage]]:
        async def read() -> EncodedImage:
            image = (await again()).further[number].image
            assert image is not None
            return image

        return read

    return Question(known, photo, [reader(n) for n in range(len(known.asked.further))], name)


def _known(asked: CompletionRequest, task: Task) -> Known:
    canonical = task.request(asked)
    texts = [turn.text for turn in asked.turns]
    if canonical is not asked:
        texts += [turn.text for turn in canonical.turns]
    if asked.sampling.schema is not None:  # as it reads, not as JSON escapes it
        texts.append(json.dumps(json.loads(asked.sampling.schema), ensure_ascii=False))
    return Known(asked, canonical, personal(*texts, *asked.sampling.stop), task)
