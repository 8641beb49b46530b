"""A replica for benchmarks of the gateway: answers at once, or after ECHO_DELAY_S, streamed or not,
and counts calls. With ECHO_PLACES it answers so many at a time, shoppers first."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from contract import sse
from contract.response import AnswerFrame, Delta, Finished, Usage

REVISION = "echo-1"
HEADERS = {"x-model-revision": REVISION}
FRAME = AnswerFrame("chatcmpl-echo", "echo", REVISION)
ANSWER = Delta("看起来是荔枝纹皮革质感，简洁耐看，适合送给妈妈。")
END = Finished("stop", Usage(80, 24))
STREAM = b"".join(
    [
        sse.frame(FRAME.opening_chunk()),
        sse.frame(FRAME.chunk(ANSWER)),
        sse.frame(FRAME.closing_chunk(END)),
        sse.frame(FRAME.usage_chunk(END)),
        sse.DONE,
    ]
)

DELAY_S = float(os.environ.get("ECHO_DELAY_S", "0"))
PLACES = int(os.environ.get("ECHO_PLACES", "0"))
# The batch lane never takes the last quarter, as in our own replica.
RESERVED = PLACES // 4

app = FastAPI()
calls = 0
batch_calls = 0
used = 0
waiting: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
"""Who waits for a place; under True the batch lane."""


@app.get("/readyz")
async def readyz() -> Response:
    return Response(headers=HEADERS)


@app.get("/v1/models")
async def models() -> Any:
    return {"object": "list", "data": [{"id": "shopsight", "model_revision": REVISION}]}


@app.get("/calls")
async def count() -> int:
    return calls


@app.get("/calls/batch")
async def count_batch() -> int:
    return batch_calls


@asynccontextmanager
async def place(batch: bool) -> AsyncIterator[None]:
    global used
    if PLACES:
        turn = asyncio.get_running_loop().create_future()
        waiting[batch].append(turn)
        _give_places()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                used -= 1
            raise
    try:
        yield
    finally:
        if PLACES:
            used -= 1
            _give_places()


def _give_places() -> None:
    global used
    for batch, bound in ((False, PLACES), (True, PLACES - RESERVED)):
        while waiting[batch] and used < bound:
            turn = waiting[batch].popleft()
            if not turn.done():
                turn.set_result(None)
                used += 1


@app.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    global calls, batch_calls
    batch = request.headers.get("x-priority") == "batch"
    calls += 1
    batch_calls += batch
    streamed = b'"stream": true' in await request.body()
    async with place(batch):
        if DELAY_S:
            await asyncio.sleep(DELAY_S)
    if streamed:
        return Response(STREAM, media_type="text/event-stream", headers=HEADERS)
    return JSONResponse(FRAME.whole(ANSWER, END), headers=HEADERS)
