"""A request's body → the question in it. A body seen before is known by its digest, within its
tenant, and neither parsed nor screened again."""

import asyncio
import json
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded, InvalidField, ModelNotFound
from contract.forms import MAX_INSTRUCTIONS, MODEL_ALIAS
from contract.images import EncodedImage, ImageFacts
from contract.turns import MAX_INSTRUCTION_CHARS as MAX_CHARS
from gateway.cache.key import AnswerKey, answer_key
from gateway.errors import SchemaNeedsKey
from gateway.identity.callers import Caller
from gateway.identity.scopes import SYSTEM
from gateway.images.identify import ImageIdentifier
from gateway.images.uploads import Uploads
from gateway.log.masking import personal
from gateway.moderation.verdict import NOTHING, Verdict
from gateway.prompt import SYSTEM as SYSTEM_PROMPT
from gateway.usecases.deadline import in_time
from gateway.usecases.tasks import QUESTION, Task

# About 2 KB an entry: 4 MB of a gateway's 150. A hit that is not remembered costs its parsing.
REMEMBERED_BODIES = 2_000
# Longer conversations and schemas are rare, and would take the room of many: they are kept as typed
# and as asked, and one rare character makes all of a text four bytes each.
REMEMBERED_CHARS = 1_000
# Compiling a schema takes time of a replica: without a key it is a small one, as a card's is.
MAX_SCHEMA_CHARS_WITHOUT_KEY = 2_000

BodyName = tuple[str, str]
"""Tenant and SHA-256. The tenant: how fast an answer comes must not tell what others have asked."""


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
        return turns + len(self.asked.sampling.schema or "")

    def key(self, revision: str, namespace: str) -> AnswerKey:
        key = self._key
        if key is None or key.revision != revision or key.namespace != namespace:
            image = self.image.digest if self.image else ""
            version = self.task.version
            key = self._key = answer_key(self.canonical, image, revision, namespace, version)
        return key


@dataclass(slots=True)
class Question:
    """One request's question; `photo` gives the file's bytes once more, for a replica."""

    known: Known
    photo: Callable[[], Awaitable[EncodedImage | None]]
    name: BodyName | None = None
    """Under which it is remembered; None when it is not, or is already."""
    photo_verdict: Verdict = NOTHING
    look: asyncio.Task[Verdict] | None = None
    """At a photo that was not seen before: it says later what `photo_verdict` is."""

    @property
    def asked(self) -> CompletionRequest:
        return self.known.asked

    async def verdict_on_photo(self) -> Verdict:
        """The verdict on its photo, once it was looked at. Raises ModerationUnavailable."""
        if self.look is not None:
            # Shielded: who leaves must not take it from those who have joined the computation.
            self.photo_verdict = await asyncio.shield(self.look)
        return self.photo_verdict

    async def complete(self) -> CompletionRequest:
        return replace(self.known.canonical, image=await self.photo())


def new_question(
    asked: CompletionRequest, name: BodyName | None = None, task: Task = QUESTION
) -> Question:
    async def photo() -> EncodedImage | None:
        return asked.image

    return Question(_known(replace(asked, image=None), task), photo, name)


def _known(asked: CompletionRequest, task: Task) -> Known:
    canonical = task.request(asked)
    texts = [turn.text for turn in asked.turns]
    if canonical is not asked:
        texts += [turn.text for turn in canonical.turns]
    if asked.sampling.schema is not None:  # as it reads, not as JSON escapes it
        texts.append(json.dumps(json.loads(asked.sampling.schema), ensure_ascii=False))
    return Known(asked, canonical, personal(*texts, *asked.sampling.stop), task)


def check_allowed(asked: CompletionRequest, caller: Caller) -> None:
    """Raises SchemaNeedsKey, and the errors of a client's own instruction."""
    schema = asked.sampling.schema
    if schema is not None and caller.key is None and len(schema) > MAX_SCHEMA_CHARS_WITHOUT_KEY:
        raise SchemaNeedsKey("response_format")
    if any(turn.role == "system" for turn in asked.turns):
        _check_instructions(asked, caller)


def _check_instructions(asked: CompletionRequest, caller: Caller) -> None:
    """A client's own instruction stands behind ours. It would make the answers of a tenant's
    shoppers its own: raises MissingScope unless the caller's key allows it, InvalidField for what
    is too long beside ours, and to a caller without a key."""
    instructions = [i for i, turn in enumerate(asked.turns) if turn.role == "system"]
    if caller.key is None:
        raise InvalidField(f"messages.{instructions[0]}.role", unsupported="system")
    caller.require(SYSTEM)
    chars = sum(len(asked.turns[index].text) for index in instructions)
    if len(instructions) + 1 > MAX_INSTRUCTIONS or chars + len(SYSTEM_PROMPT) > MAX_CHARS:
        raise InvalidField(f"messages.{instructions[-1]}.content")


def check_model(asked: CompletionRequest, revision: str) -> None:
    """Raises ModelNotFound for another revision than the caller's."""
    if asked.model not in (MODEL_ALIAS, revision):
        raise ModelNotFound("model")


class Questions:
    def __init__(self, images: ImageIdentifier, uploads: Uploads) -> None:
        self._images = images
        self._uploads = uploads
        self._known: OrderedDict[BodyName, Known] = OrderedDict()

    def recall(self, name: BodyName) -> Known | None:
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
        return known

    async def identify(
        self, question: Question, caller: Caller, deadline: float = math.inf
    ) -> ImageFacts | None:
        """Which photo it is about. Raises the image errors, ImageNotFound for an upload that is
        gone or another's, DeadlineExceeded (`deadline` in time.monotonic seconds)."""
        if question.known.image is not None and question.asked.image_id is None:
            return question.known.image
        try:
            return await in_time(self._identify(question, caller), deadline - time.monotonic())
        except TimeoutError:
            raise DeadlineExceeded from None

    async def _identify(self, question: Question, caller: Caller) -> ImageFacts | None:
        known = question.known
        if known.asked.image_id is not None:  # each time: it expires, and has an owner
            upload = await self._uploads.find(known.asked.image_id, caller)
            known.image = upload.facts
            question.photo = upload.read
        elif known.image is None and (photo := await question.photo()) is not None:
            known.image = await self._images.identify(photo, caller.tenant)
        if question.name is not None and known.chars <= REMEMBERED_CHARS and not known.personal:
            self._known[question.name] = known
            if len(self._known) > REMEMBERED_BODIES:
                self._known.popitem(last=False)
        return known.image
