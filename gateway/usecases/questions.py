"""Which photos a question is about, and whether its caller may ask it so. What is known of a body
is remembered within its tenant, so that it is neither parsed nor screened again."""

import math
import time
from collections import OrderedDict
from dataclasses import replace

from contract.completion import CompletionRequest, FurtherPhoto
from contract.errors import (
    DeadlineExceeded,
    InvalidField,
    ModelNotFound,
    PayloadTooLarge,
    PhotoError,
)
from contract.forms import MAX_INSTRUCTIONS, MODEL_ALIAS
from contract.images import MAX_IMAGE_BYTES, ImageFacts
from contract.turns import MAX_INSTRUCTION_CHARS as MAX_CHARS
from gateway.errors import SchemaNeedsKey
from gateway.identity.callers import Caller
from gateway.identity.scopes import SYSTEM
from gateway.images.identify import ImageIdentifier
from gateway.images.remote.photos import FoundPhoto, RemotePhotos
from gateway.images.upload import Upload
from gateway.images.uploads import Uploads
from gateway.limits.limiter import Limiter
from gateway.pool.pool import Pool
from gateway.prompt import SYSTEM as SYSTEM_PROMPT
from gateway.usecases.deadline import in_time
from gateway.usecases.question import BodyName, Known, Question

# About 2 KB an entry: 4 MB of a gateway's 150. A hit that is not remembered costs its parsing.
REMEMBERED_BODIES = 2_000
# Longer conversations and schemas are rare, and would take the room of many: they are kept as typed
# and as asked, and one rare character makes all of a text four bytes each.
REMEMBERED_CHARS = 1_000
# Compiling a schema takes time of a replica: without a key it is a small one, as a card's is.
MAX_SCHEMA_CHARS_WITHOUT_KEY = 2_000


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
    instructions = [turn for turn in asked.turns if turn.role == "system"]
    if caller.key is None:
        raise InvalidField(f"messages.{instructions[0].message}.role", unsupported="system")
    caller.require(SYSTEM)
    place = f"messages.{instructions[-1].message}.content"
    if len(instructions) + 1 > MAX_INSTRUCTIONS:
        raise InvalidField(place)
    limit = MAX_CHARS - len(SYSTEM_PROMPT)
    if sum(len(turn.text) for turn in instructions) > limit:
        raise InvalidField(place, fault="too_long", limit=limit)


def revision_of(asked: CompletionRequest, caller: Caller, sticky_id: str, pool: Pool) -> str:
    """Who names none is answered by its own, as the weights say. A key may name any that is there,
    also one that no shopper is given yet: so it is evaluated. Raises ModelNotFound, NoReplica."""
    if asked.model == MODEL_ALIAS:
        return pool.choose_revision(sticky_id)
    if caller.key is not None and asked.model in (each.revision for each in pool.replicas):
        return asked.model
    if asked.model != pool.choose_revision(sticky_id):
        raise ModelNotFound("model")
    return asked.model


class Questions:
    def __init__(
        self,
        images: ImageIdentifier,
        uploads: Uploads,
        remote: RemotePhotos,
        limits: Limiter,
    ) -> None:
        self._images = images
        self._uploads = uploads
        self._remote = remote
        self._limits = limits
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
        gone or another's, those of a photo that is fetched, DeadlineExceeded (`deadline` in
        time.monotonic seconds)."""
        asked = question.asked
        if question.known.image is not None and not (asked.has_ids or asked.urls):
            return question.known.image
        try:
            return await in_time(self._identify(question, caller), deadline - time.monotonic())
        except TimeoutError:
            raise DeadlineExceeded from None

    async def _identify(self, question: Question, caller: Caller) -> ImageFacts | None:
        asked = question.asked
        if asked.urls and question.name is None:
            # Others who have sent this body may have been given another photo at the same address.
            question.known = replace(question.known, image=None, further=(), _key=None)
        known = question.known
        named = await self._named(asked, caller)
        if named is not None:
            known.image = named.facts
            question.photo, question.unread_bytes = named.read, named.unread_bytes
        elif known.image is None and (photo := await question.photo()) is not None:
            known.image = await self._images.identify(photo, caller.tenant)
        if asked.further:
            known.further = await self._identify_further(question, caller)
        if question.name is not None and known.chars <= REMEMBERED_CHARS and not known.personal:
            self._known[question.name] = known
            if len(self._known) > REMEMBERED_BODIES:
                self._known.popitem(last=False)
        return known.image

    async def _identify_further(self, question: Question, caller: Caller) -> tuple[ImageFacts, ...]:
        """One after the other, so that one asker has no more decoders than another. An error names
        the place of its photo."""
        first = question.known.image
        size = first.size_bytes if first is not None else 0
        found = []
        for number, shown in enumerate(question.asked.further):
            try:
                named = await self._named(shown, caller, MAX_IMAGE_BYTES - size)
                if named is not None:
                    question.further[number] = named.read
                    question.unread_bytes += named.unread_bytes
                    facts = named.facts
                else:
                    photo = await question.further[number]()
                    facts = await self._images.identify(photo, caller.tenant)
                size += facts.size_bytes
                if size > MAX_IMAGE_BYTES:  # what a replica takes in one body
                    raise PayloadTooLarge
            except (PhotoError, PayloadTooLarge) as error:
                raise error.at(shown.place) from None
            found.append(facts)
        return tuple(found)

    async def _named(
        self,
        shown: CompletionRequest | FurtherPhoto,
        caller: Caller,
        max_bytes: int = MAX_IMAGE_BYTES,
    ) -> Upload | FoundPhoto | None:
        """A photo that is named by id or address: each time, since an upload expires and has an
        owner, and an address may show another photo. None where the photo itself was sent."""
        if shown.image_id is not None:
            return await self._uploads.find(shown.image_id, caller)
        if shown.image_url is None:
            return None
        found = await self._remote.find(shown.image_url, caller.tenant, max_bytes)
        if found.fetched_bytes:
            self._limits.spend_bytes(caller, found.fetched_bytes)
        return found
