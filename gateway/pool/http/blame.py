"""The errors that a server answers a question with, in whatever form: those that are the question's
own fault, which its asker is to see, and all others."""

import json
import re
from typing import Any

from contract import errors
from contract.completion import CompletionRequest
from contract.errors import ShopsightError
from contract.forms import ChatRequest

# Errors of a replica that blame the request, not the replica. The caller gets them as they are.
PASSED_ON: dict[str, type[ShopsightError]] = {
    error.code: error
    for error in (
        errors.ContextLengthExceeded,
        errors.InvalidField,
        errors.InvalidSchema,
        errors.UnsupportedImageType,
        errors.ImageUndecodable,
        errors.ImageDimensions,
        errors.ImageTooComplex,
        errors.ImageTooManyPixels,
        errors.PayloadTooLarge,
        errors.ModelNotFound,
        errors.DeadlineExceeded,
    )
}
# Statuses that tell of how this gateway is set up: a key, an address, an account. No question
# causes them. All other 4xx are the question's: servers refuse questions in many ways.
_SETUP = {401, 402, 404, 405, 407, 421, 426}
# Too many requests, or too early: for lack of capacity.
FULL = {408, 425, 429, 503}
# How vLLM, OpenAI, SGLang and llama.cpp say that a conversation is too long.
_TOO_LONG = re.compile(
    r"context (length|size|window)|maximum model length|max_model_len", re.IGNORECASE
)
# What a server may name as the reason, and is no other server's word for something else.
_FIELDS = frozenset(ChatRequest.model_fields) - {"messages", "model", "response_format"}
_OUR_FIELD = re.compile(r"[a-z_]+(\.[a-z0-9_]+)*")
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError)


def error_object(body: bytes) -> dict[str, Any]:
    """Of an answer that is none; empty for what has no such object."""
    try:
        answer = json.loads(body)
        error = answer.get("error", answer)  # SGLang's stands alone
    except MALFORMED:
        return {}
    return error if isinstance(error, dict) else {}


def request_error(error: Any, asked: CompletionRequest, status: int = 0) -> ShopsightError | None:
    """The error to pass on, if this error object blames the request; else None.

    `status`: of the answer that it came in. In a stream, whose status was 200, the object's own
    `code` tells it: vLLM, SGLang and llama.cpp put a number there."""
    if not isinstance(error, dict):
        return None
    code = error.get("code")
    if isinstance(code, str) and code in PASSED_ON:
        return PASSED_ON[code](_our_field(error.get("param")))
    if _TOO_LONG.search(str(error.get("message"))):
        return errors.ContextLengthExceeded("messages")
    if not status and type(code) is int:
        status = code
    if not 400 <= status < 500 or status in _SETUP | FULL:
        return None
    param = error.get("param")
    if isinstance(param, str) and param in _FIELDS:
        return errors.InvalidField(param)
    if asked.sampling.schema is not None:
        return errors.InvalidSchema("response_format")
    return errors.PayloadTooLarge() if status == 413 else errors.InvalidField("messages")


def _our_field(param: Any) -> str | None:
    if not isinstance(param, str) or not _OUR_FIELD.fullmatch(param):
        return None
    # The replica's messages are not the asker's: an instruction of ours stands before them.
    return "messages" if param.startswith("messages.") else param
