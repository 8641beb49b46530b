"""An inference replica in the test's hands: the contract on the wire, behaviour on demand."""

import asyncio
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from contract import sse
from contract.response import AnswerFrame, Delta, Finished, FinishReason, TokenLogprob, Usage


class StubReplica:
    """`behaviour` is one of: answer, 500, 503, garbage (HTML), disguised (HTML that calls itself an
    event stream), nonsense (events that are no chunks), empty, nothing (a whole answer without a
    word), cut (breaks off in mid-stream), cut_early (before its first piece), unfinished ([DONE]
    without a finish_reason), error_event (before its first piece), late_error_event, hang. The
    answer names the question, so that a mixed-up one is seen.
    As a program (see stub_process.py) it is told its behaviour by POST /behave."""

    def __init__(self, revision: str = "stub-1") -> None:
        self.revision = revision
        self.behaviour = "answer"
        self.ready = True
        self.demo = False
        self.delay_s = 0.0
        self.opening = "关于"
        self.first_delay_s = 0.0
        """Before the first piece of questions that say "patience", or of all when `slow`."""
        self.slow = False
        self.released = False
        """Ends that delay for those who are in it."""
        self.held: set[str] = set()
        """Words: a question with one of them has no answer until it is taken out."""
        self.answer: str | None = None
        self.tokens: list[tuple[str, dict[str, float]]] = []
        """The whole answer instead, each token with the probabilities of the likeliest there."""
        self.reason: FinishReason = "stop"
        self.calibration: dict[str, Any] | None = None
        self.refusal: dict[str, Any] | None = None
        """The error that it answers with instead."""
        self.refusal_status = 400
        self.refusal_headers: dict[str, str] = {}
        self.deadly = ""
        """A word: a question with it kills the process, after `first_delay_s`."""
        self.fail_every = 0
        """Of so many questions the last one fails (500)."""
        self.padding = ""  # behind an answer that names the question
        self.calls: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.cancelled = 0
        self.url = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/readyz", self._readyz),
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/behave", self._behave, methods=["POST"]),
                Route("/calls", self._count),
            ]
        )

    async def _readyz(self, request: Request) -> Response:
        headers = {"x-model-revision": self.revision}
        return Response(status_code=200 if self.ready else 503, headers=headers)

    async def _models(self, request: Request) -> Response:
        model = {"id": "shopsight", "object": "model", "model_revision": self.revision}
        more = {"demo": self.demo, "calibration": self.calibration}
        return JSONResponse({"object": "list", "data": [{**model, **more}]})

    async def _behave(self, request: Request) -> Response:
        vars(self).update(json.loads(await request.body()))
        return Response()

    async def _count(self, request: Request) -> Response:
        return JSONResponse(len(self.calls))

    async def _complete(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.calls.append(body)
        self.headers.append(dict(request.headers))
        headers = {"x-model-revision": self.revision}
        if self.deadly and self.deadly in str(body["messages"][-1]):
            await asyncio.sleep(self.first_delay_s)
            os._exit(9)
        if self.fail_every and len(self.calls) % self.fail_every == 0:
            return JSONResponse({"oops": "a stack trace"}, 500, headers)
        if self.refusal is not None:
            headers |= self.refusal_headers
            return JSONResponse({"error": self.refusal}, self.refusal_status, headers)
        if self.behaviour in ("500", "503"):
            return JSONResponse({"oops": "a stack trace"}, int(self.behaviour), headers)
        if self.behaviour == "garbage":
            return HTMLResponse("<html>not a stream", 200, headers)
        if self.behaviour == "disguised":
            return Response("<html>not a stream", 200, headers, "text/event-stream")
        if self.behaviour == "nonsense":
            return Response(
                "data: [1, 2]\n\n" + "data: [DONE]\n\n", 200, headers, "text/event-stream"
            )
        if self.behaviour == "empty":
            return Response(b"", 200, headers)
        return StreamingResponse(self._stream(body), 200, headers, "text/event-stream")

    async def _stream(self, body: dict[str, Any]) -> Any:
        frame = AnswerFrame("chatcmpl-stub", "stub", self.revision)
        last = body["messages"][-1]["content"]
        question = last if isinstance(last, str) else last[-1]["text"]
        try:
            if self.behaviour == "hang":
                await asyncio.sleep(3600)
            if self.slow or "patience" in question:
                ends_at = time.monotonic() + self.first_delay_s
                while not self.released and time.monotonic() < ends_at:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            while any(word in question for word in self.held):  # noqa: ASYNC110 - a test's thread
                await asyncio.sleep(0.01)
            yield sse.frame(frame.opening_chunk())
            if self.behaviour == "cut_early":
                return
            if self.behaviour == "error_event":
                yield sse.frame({"error": {"message": "broken", "code": "internal_error"}})
                return
            if self.behaviour == "nothing":
                yield sse.frame(frame.closing_chunk(Finished("stop")))
                yield sse.DONE
                return
            if self.tokens:
                for delta in map(delta_of, *zip(*self.tokens, strict=True)):
                    yield sse.frame(frame.chunk(delta))
                    await asyncio.sleep(self.delay_s)
                yield sse.frame(frame.closing_chunk(Finished(self.reason)))
                yield sse.frame(frame.usage_chunk(Finished("stop", Usage(7, 3))))
                yield sse.DONE
                return
            yield sse.frame(frame.chunk(Delta(self.opening)))
            await asyncio.sleep(self.delay_s)
            if self.behaviour == "cut":
                return
            if self.behaviour == "late_error_event":
                yield sse.frame({"error": {"message": "broken", "code": "internal_error"}})
                return
            yield sse.frame(frame.chunk(Delta(self.answer or f"「{question}」:好{self.padding}")))
            if self.behaviour != "unfinished":
                yield sse.frame(frame.closing_chunk(Finished("stop")))
            yield sse.frame(frame.usage_chunk(Finished("stop", Usage(7, 3))))
            yield sse.DONE
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise


def delta_of(token: str, likeliest: dict[str, float]) -> Delta:
    top = tuple(TokenLogprob(text.encode(), math.log(p)) for text, p in likeliest.items())
    own = math.log(likeliest.get(token, 1.0))
    return Delta(token, (TokenLogprob(token.encode(), own, top),))


@contextmanager
def stub_replica(revision: str = "stub-1") -> Iterator[StubReplica]:
    # Not above: as a program it would take a second longer to start.
    from tests.support.servers import served

    stub = StubReplica(revision)
    with served(stub.app()) as stub.url:
        yield stub


if __name__ == "__main__":
    _, at, name, address = sys.argv
    uvicorn.run(StubReplica(name).app(), host=address, port=int(at), log_level="warning")
