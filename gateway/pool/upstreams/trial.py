"""The least that a server can be asked: one token. Whether an answer begins tells whether its
engine works; its health check may be answered by another process."""

import asyncio

from contract.completion import CompletionRequest, Sampling, Turn
from gateway.pool.http.blame import FULL
from gateway.pool.http.connection import UpstreamError
from gateway.pool.http.connection_pool import ConnectionPool
from gateway.pool.upstreams.question import body_of
from gateway.pool.upstreams.salts import Salts
from gateway.pool.upstreams.upstream import Upstream

QUESTION = CompletionRequest((Turn("user", "?"),), None, Sampling(max_tokens=1), stream=True)


async def answers(
    connections: ConnectionPool,
    upstream: Upstream,
    model: str | None,
    salts: Salts,
    within_s: float,
) -> bool:
    """Whether an answer begins within so many seconds. A head alone is none: vLLM and SGLang send
    it before the engine has seen the question."""
    headers = {"content-type": "application/json", **upstream.authorization}
    body = body_of(upstream, QUESTION, model, {}, salts)
    try:
        async with (
            asyncio.timeout(within_s),
            connections.request("POST", "/v1/chat/completions", headers, body) as response,
        ):
            if response.status != 200:
                return response.status in FULL  # it has no room for a question more
            async for _ in response.chunks():
                return True
            return False
    except (TimeoutError, UpstreamError):
        return False
