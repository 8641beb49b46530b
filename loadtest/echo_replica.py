"""A replica for benchmarks of the gateway: answers at once, or after ECHO_DELAY_S, streamed or not,
and counts calls."""

import asyncio
import os
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

app = FastAPI()
calls = 0


@app.get("/readyz")
async def readyz() -> Response:
    return Response(headers=HEADERS)


@app.get("/v1/models")
async def models() -> Any:
    return {"object": "list", "data": [{"id": "shopsight", "model_revision": REVISION}]}


@app.get("/calls")
async def count() -> int:
    return calls


@app.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    global calls
    calls += 1
    streamed = b'"stream": true' in await request.body()
    if DELAY_S:
        await asyncio.sleep(DELAY_S)
    if streamed:
        return Response(STREAM, media_type="text/event-stream", headers=HEADERS)
    return JSONResponse(FRAME.whole(ANSWER, END), headers=HEADERS)
