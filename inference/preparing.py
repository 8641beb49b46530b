"""A checked question → what the engine takes: its prompt, its grammar, and how long its answer may
be."""

import asyncio
from dataclasses import dataclass, replace

from contract.attempts import pixel_bound
from contract.completion import DEFAULT_MAX_TOKENS, CompletionRequest, Sampling
from contract.errors import ContextLengthExceeded
from inference.model.choosing.grammar import Grammar
from inference.model.prompts import Prompt
from inference.replica import Replica

# A client's bound is not what an answer takes: a card may have MAX_CARD_TOKENS, and has 100 to 200.
# So it is enough when the context has room for as many as who names no bound gets.
ENOUGH_TOKENS = DEFAULT_MAX_TOKENS


@dataclass(frozen=True)
class Prepared:
    prompt: Prompt
    sampling: Sampling
    """As asked for, but with no more tokens than the prompt leaves of the context."""
    grammar: Grammar | None


async def prepare(
    replica: Replica, asked: CompletionRequest, namespace: str, attempt: int
) -> Prepared:
    """Raises InvalidSchema, ImageNotFound for an `image_id`, UrlNotAllowed for an address,
    ContextLengthExceeded, and the errors of a photo."""
    if asked.sampling.schema is not None:
        await replica.schemas.check(asked.sampling.schema)
    prompt = await _prompt(replica, asked, namespace, attempt)
    grammar = await asyncio.to_thread(replica.model.grammar, asked.sampling)
    room = replica.model.facts.max_context_tokens - len(prompt.ids)
    bound = min(asked.sampling.max_tokens, room)
    return Prepared(prompt, replace(asked.sampling, max_tokens=bound), grammar)


async def _prompt(
    replica: Replica, asked: CompletionRequest, namespace: str, attempt: int
) -> Prompt:
    asked.require_files()
    least_room = min(asked.sampling.max_tokens, ENOUGH_TOKENS)
    max_prompt_tokens = replica.model.facts.max_context_tokens - least_room
    while True:
        # They contain the tenant: the time of an answer must not reveal another's photos.
        tenant = f"{len(namespace)}:{namespace}{attempt}:"
        photos = [
            await replica.decoder.checked(image, pixel_bound(attempt)) for image in asked.images
        ]
        pixels = [photo.pixels for photo in photos]
        keys = [tenant + photo.facts.digest for photo in photos] or [tenant]
        prompt = await asyncio.to_thread(replica.model.prompt, asked, pixels, keys, attempt)
        if len(prompt.ids) <= max_prompt_tokens:
            return prompt
        if attempt == 0 or asked.image is None:
            raise ContextLengthExceeded
        attempt -= 1  # a smaller photo is better than no answer
