"""Servers that are not ours, as they are on the wire: vLLM's, SGLang's and llama.cpp's shapes of
answers, errors and lists of models. None of them reports a revision."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.servers import served

# vLLM's objects of errors, as it puts them behind any status, or into a stream.
DEAD = {"message": "EngineDeadError", "type": "InternalServerError", "param": None, "code": 500}
BAD_SCHEMA = {
    "message": "The provided JSON schema contains features not supported by xgrammar.",
    "type": "BadRequestError",
    "param": None,
    "code": 400,
}
ALLOWED = ("create_engine", "sampling", "logprobs", "search_indices", "view", "fine_tuning")
PERMISSION = {
    "permission": [
        {
            "id": "modelperm-1",
            "object": "model_permission",
            "created": 1,
            "organization": "*",
            "group": None,
            "is_blocking": False,
            **{f"allow_{what}": True for what in ALLOWED},
        }
    ]
}


class ForeignReplica:
    def __init__(self, model: str, api_key: str | None = None) -> None:
        self.model = model
        self.api_key = api_key
        self.calls: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.health_calls = 0
        self.healthy = True
        self.stopped = False
        """Its engine is. Health, models and the heads of answers go on: another process."""
        self.refuse: dict[str, Any] | None = None
        self.bare_errors = False
        """Without `error` around them, as SGLang has them."""
        self.error_in_stream: dict[str, Any] | None = None
        """In the place of a first word, behind status 200: so vLLM refuses most schemas."""
        self.words: tuple[str, ...] = ("看起来", "是皮革")
        self.url = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
            ]
        )

    def _stranger(self, request: Request) -> bool:
        sent = request.headers.get("authorization")
        return self.api_key is not None and sent != f"Bearer {self.api_key}"

    async def _health(self, request: Request) -> Response:
        self.health_calls += 1
        return Response(status_code=200 if self.healthy else 503)

    async def _models(self, request: Request) -> Response:
        if self._stranger(request):
            return JSONResponse({"error": "Unauthorized"}, 401)
        model = {"id": self.model, "object": "model", "created": 1, "owned_by": "vllm"}
        more = {"root": "/srv/secret/path", "parent": None, "max_model_len": 4096}
        return JSONResponse({"object": "list", "data": [{**model, **more, **PERMISSION}]})

    async def _complete(self, request: Request) -> Response:
        if self._stranger(request):
            return JSONResponse({"error": "Unauthorized"}, 401)
        body = json.loads(await request.body())
        self.calls.append(body)
        self.headers.append(dict(request.headers))
        if body["model"] != self.model:
            error = {"message": f"The model `{body['model']}` does not exist.", "code": 404}
            error |= {"type": "NotFoundError", "param": "model"}
            return JSONResponse({"error": error}, 404)
        if self.refuse is not None:
            error = self.refuse if self.bare_errors else {"error": self.refuse}
            code = self.refuse["code"]
            return JSONResponse(error, code if isinstance(code, int) else 400)
        return StreamingResponse(self._stream(body), media_type="text/event-stream; charset=utf-8")

    async def _stream(self, body: dict[str, Any]) -> Any:
        def event(choices: list[dict[str, Any]], **more: Any) -> str:
            head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
            return "data: " + json.dumps({**head, "model": self.model, "choices": choices, **more})

        def choice(delta: dict[str, Any], token: str, reason: str | None = None) -> Any:
            top = {"token": token, "logprob": -0.25, "bytes": list(token.encode())}
            logprobs = {"content": [{**top, "top_logprobs": [top]}]} if token else None
            return {
                "index": 0,
                "delta": delta,
                "logprobs": logprobs if body.get("logprobs") else None,
                "finish_reason": reason,
                "token_ids": None,
            }

        while self.stopped:  # noqa: ASYNC110 - set by a thread of the test
            await asyncio.sleep(0.02)
        opening = choice({"role": "assistant", "content": ""}, "")
        del opening["token_ids"]
        yield event([opening], prompt_token_ids=None, prompt_text=None) + "\n\n"
        yield ": a comment, as some servers send to keep the line open\n\n"
        if self.error_in_stream is not None:
            yield "data: " + json.dumps({"error": self.error_in_stream}) + "\n\n"
            yield "data: [DONE]\n\n"
            return
        for word, line_end in zip(self.words, cycle(("\r\n", "\n")), strict=False):
            yield event([choice({"content": word}, word)]) + 2 * line_end
        closing = choice({"content": ""}, "<|im_end|>", "stop")
        yield event([{**closing, "stop_reason": None}]) + "\n\n"
        usage = {"prompt_tokens": 321, "total_tokens": 325, "completion_tokens": 4}
        yield event([], usage=usage, system_fingerprint="vllm-0.32.0-af740c4b") + "\n\n"
        yield "data: [DONE]\n\n"


@contextmanager
def foreign_replica(model: str, api_key: str | None = None) -> Iterator[ForeignReplica]:
    stub = ForeignReplica(model, api_key)
    with served(stub.app()) as stub.url:
        yield stub
