"""What a server gets of a question: internal headers, the photo, and the body."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from contract import attempts
from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded
from contract.images import EncodedImage
from contract.wire import priority_of, wire_parts
from gateway.cache.key import AnswerKey
from gateway.pool.upstreams.salts import Salts
from gateway.pool.upstreams.upstream import Upstream

# Seeds that every server takes for one: -1 and 2³² - 1 are wishes for a random one at vLLM and
# llama.cpp, and larger numbers are cut.
FOREIGN_SEEDS = 2**31 - 1
# Header of the answer cache's namespace, which is a tenant's.
NAMESPACE = "x-cache-namespace"

Show = Callable[[CompletionRequest, int | None], Awaitable[CompletionRequest]]
"""A question with its photos: their files, or pictures of so many pixels at most."""


async def request_for(
    upstream: Upstream, asked: CompletionRequest, show: Show, deadline: float
) -> CompletionRequest:
    """A replica of ours gets the photos' files, of which it makes the same pixels with the same
    code. A server of another kind gets the pictures themselves. Raises DeadlineExceeded, and what
    `show` does."""
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return await show(asked, upstream.max_image_pixels if upstream.foreign else None)
    except TimeoutError:
        raise DeadlineExceeded from None


def headers_of(key: AnswerKey, request_id: str) -> dict[str, str]:
    return {
        "x-request-id": request_id,
        "x-image-digest": key.image,
        NAMESPACE: key.namespace,
        **({attempts.HEADER: str(key.attempt)} if key.attempt else {}),
    }


def body_of(
    upstream: Upstream,
    asked: CompletionRequest,
    model: str | None,
    headers: Mapping[str, str],
    salts: Salts,
) -> list[bytes]:
    """The body of a request, in pieces to be sent one after the other. `model`: what the server
    calls its model, None for ours. `headers`: those that one of ours would get."""
    if not upstream.foreign:
        return wire_parts(asked, model, upstream.field_names)
    seed = asked.sampling.seed
    if seed is not None:
        asked = replace(asked, sampling=replace(asked.sampling, seed=seed % FOREIGN_SEEDS))
    dialect, namespace = upstream.dialect, headers.get(NAMESPACE, "")
    more, photo_name = dict(dialect.neutral), dialect.photo_name
    if dialect.salt is not None:
        more[dialect.salt] = salts.of_prefixes(namespace)
    if upstream.priorities and dialect.priorities is not None:
        more["priority"] = dialect.priorities[priority_of(headers) == "batch"]
    if photo_name is None:
        return wire_parts(asked, model, upstream.field_names, more)

    def named(image: EncodedImage) -> dict[str, str]:
        return {photo_name: salts.of_photo(namespace, image.data)}

    return wire_parts(asked, model, upstream.field_names, more, named)
