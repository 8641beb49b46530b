"""One inference replica as the gateway sees it: its state, and one question sent to it."""

import json
import logging
import re
from collections.abc import AsyncGenerator
from typing import Any

import httpx

from contract import errors, sse
from contract.errors import ReplicaFailed, ShopsightError
from contract.render import Event
from contract.response import Delta, Finished, TokenLogprob, Usage

log = logging.getLogger(__name__)

# Refusals of a replica that are about the question, not about the replica: passed on as they are.
PASSED_ON: dict[str, type[ShopsightError]] = {
    error.code: error
    for error in (
        errors.InvalidField,
        errors.InvalidSchema,
        errors.UnsupportedImageType,
        errors.ImageUndecodable,
        errors.ImageDimensions,
        errors.ImageTooManyPixels,
        errors.PayloadTooLarge,
        errors.ModelNotFound,
        errors.DeadlineExceeded,
    )
}


_OUR_FIELD = re.compile(r"[a-z_]+(\.[a-z0-9_]+)*")


class ReplicaUnavailableError(Exception):
    """Nothing of the answer has come: another replica may be asked instead. `full`: this one would
    have answered, had it room."""

    def __init__(self, why: str, full: bool = False) -> None:
        super().__init__(why)
        self.full = full


class Replica:
    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self.in_flight = 0
        self.ready = False
        self.revision: str | None = None
        self.model: dict[str, Any] = {}
        self._http = http

    async def probe(self) -> None:
        """Ask /readyz, and once for each revision /v1/models; any failure means not ready."""
        try:
            answer = await self._http.get(f"{self.url}/readyz", timeout=2)
            revision = answer.headers.get("x-model-revision")
            if answer.status_code == 200 and revision != self.revision:
                listing = await self._http.get(f"{self.url}/v1/models", timeout=2)
                self.model = listing.json()["data"][0]
                self.revision = revision
            ready = answer.status_code == 200
        except (httpx.HTTPError, ValueError, LookupError):
            ready = False
        self._mark(ready)

    async def complete(
        self, body: dict[str, Any], headers: dict[str, str], timeout_s: float
    ) -> AsyncGenerator[Event]:
        """Stream the answer. Before its first event ReplicaUnavailableError, after it
        ReplicaFailed; the question's own faults as their named errors."""
        begun = False
        self.in_flight += 1
        try:
            request = self._http.stream(
                "POST",
                f"{self.url}/v1/chat/completions",
                content=json.dumps(body, ensure_ascii=False).encode(),
                headers={"content-type": "application/json", **headers},
                timeout=httpx.Timeout(timeout_s, connect=min(1.0, timeout_s)),
            )
            async with request as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    raise self._refusal(answer)
                if answer.headers.get("x-model-revision", self.revision) != self.revision:
                    # Replaced since the last probe: its answer belongs under another key.
                    self._mark(False)
                    raise ReplicaUnavailableError("another revision")
                reason, usage = None, Usage()
                async for data in sse.payloads(answer.aiter_raw()):
                    chunk = _parse(data)
                    if chunk.get("usage"):
                        counts = chunk["usage"]
                        usage = Usage(counts["prompt_tokens"], counts["completion_tokens"])
                    for choice in chunk["choices"]:
                        text = choice["delta"].get("content") or ""
                        logprobs = _logprobs(choice)
                        if text or logprobs:
                            begun = True
                            yield Delta(text, logprobs)
                        reason = choice.get("finish_reason") or reason
                if reason not in ("stop", "length", "content_filter"):
                    raise EOFError("no finish_reason")
                yield Finished(reason, usage)
        except (httpx.HTTPError, EOFError, ValueError, LookupError, TypeError) as error:
            log.warning("replica failed", extra={"fields": {"url": self.url, "why": repr(error)}})
            if isinstance(error, httpx.TransportError) and not isinstance(error, httpx.ReadTimeout):
                self._mark(False)
            if begun:
                raise ReplicaFailed from None
            raise ReplicaUnavailableError(repr(error)) from error
        finally:
            self.in_flight -= 1

    def _refusal(self, answer: httpx.Response) -> Exception:
        try:
            error = answer.json()["error"]
            code, param = error["code"], error.get("param")
        except (ValueError, LookupError, TypeError, AttributeError):
            code = param = None
        if code in PASSED_ON:
            known = isinstance(param, str) and _OUR_FIELD.fullmatch(param)
            return PASSED_ON[code](param if known else None)
        return ReplicaUnavailableError(f"status {answer.status_code}", answer.status_code == 503)

    def _mark(self, ready: bool) -> None:
        if ready != self.ready:
            fields = {"url": self.url, "ready": ready, "revision": self.revision}
            log.info("replica changed", extra={"fields": fields})
        self.ready = ready


def _logprobs(choice: dict[str, Any]) -> tuple[TokenLogprob, ...]:
    content = (choice.get("logprobs") or {}).get("content") or ()
    return tuple(TokenLogprob.read(token) for token in content)


def _parse(data: str) -> dict[str, Any]:
    chunk: dict[str, Any] = json.loads(data)
    if "error" in chunk:
        code = chunk["error"].get("code")
        raise PASSED_ON.get(code, ReplicaFailed)()
    return chunk
