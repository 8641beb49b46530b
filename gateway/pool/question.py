"""What a replica gets of a question besides its text: internal headers, and the photo."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from contract import attempts
from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded
from contract.images import EncodedImage
from gateway.cache.key import AnswerKey
from gateway.pool.upstream import Upstream

Render = Callable[[int], Awaitable[EncodedImage]]
"""The photo of a question as a picture for a server that is not ours, of so many pixels at most."""


async def request_for(
    upstream: Upstream, asked: CompletionRequest, render: Render, deadline: float
) -> CompletionRequest:
    """A replica of ours gets the photo's file, of which it makes the same pixels with the same
    code. A server of another kind gets the picture itself."""
    if asked.image is None or not upstream.foreign:
        return asked
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            return replace(asked, image=await render(upstream.max_image_pixels))
    except TimeoutError:
        raise DeadlineExceeded from None


def headers_of(key: AnswerKey, request_id: str) -> dict[str, str]:
    return {
        "x-request-id": request_id,
        "x-image-digest": key.image,
        "x-cache-namespace": key.namespace,
        **({attempts.HEADER: str(key.attempt)} if key.attempt else {}),
    }
