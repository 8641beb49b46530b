"""Any of the three forms → one checked `CompletionRequest`; any deviation is a named error."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from contract.completion import DEFAULT_MAX_TOKENS, CompletionRequest, Sampling, Turn
from contract.errors import InvalidField, InvalidSchema
from contract.forms import (
    ChatRequest,
    FormRequest,
    ImagePart,
    ImageUrl,
    Message,
    SampledRequest,
    SchemaFormat,
    ShortRequest,
    StreamOptions,
    TextPart,
)
from contract.images import EncodedImage, parse_image_text
from contract.json_body import parse_object

# Characters of one turn. A shopper's question has about 20; a caption pasted with it some hundred.
MAX_TURN_CHARS = 2000
# All turns of a conversation together; about ten questions with their answers.
MAX_CONVERSATION_CHARS = 12_000
# The name of an upload, where a photo is expected.
_IMAGE_ID = re.compile(r"img_[0-9a-f]{32}")
# Output tokens, at most.
MAX_TOKENS_CAP = 1024
# Below, dividing by it overflows; the answer would be the greedy one anyway.
MIN_TEMPERATURE = 1e-3
# A product card's schema has about 2,000; compiling grows with it.
MAX_SCHEMA_CHARS = 16_384

M = TypeVar("M", bound=BaseModel)


def parse_completion(body: bytes) -> CompletionRequest:
    """Read the OpenAI form or the short form; any deviation raises a named 4xx error."""
    value = parse_object(body)
    if "messages" in value:
        return _from_chat(_validate(ChatRequest, value))
    short = _validate(ShortRequest, value)
    if (short.image is None) == (short.image_id is None):
        raise InvalidField("image")
    return CompletionRequest(
        turns=(Turn("user", checked_text(short.prompt, "prompt")),),
        image=None if short.image is None else parse_image_text(short.image),
        image_id=_image_id(short.image_id),
        sampling=_sampling(short, short.max_tokens),
        model=short.model,
        stream=bool(short.stream),
        short=True,
    )


def parse_form(fields: Mapping[str, str], photo: EncodedImage | None) -> CompletionRequest:
    """Read the fields of the multipart form beside its photo; answered in the short form."""
    form = _validate(FormRequest, dict(fields))
    if photo is not None and form.image_id is not None:
        raise InvalidField("image_id")
    return CompletionRequest(
        turns=(Turn("user", checked_text(form.question, "question")),),
        image=photo,
        image_id=_image_id(form.image_id),
        sampling=Sampling(max_tokens=min(form.max_tokens or DEFAULT_MAX_TOKENS, MAX_TOKENS_CAP)),
        stream=form.stream,
        short=True,
    )


def checked_text(text: str, param: str) -> str:
    """Refuse blank, over-long or unprintable text: lone surrogates, NUL, only zero-width marks."""
    if len(text) > MAX_TURN_CHARS:
        raise InvalidField(param)
    visible = False
    for char in text:
        category = unicodedata.category(char)
        if category == "Cs" or (category == "Cc" and char not in "\t\n\r\x1b"):
            raise InvalidField(param)
        visible = visible or category[0] not in "CZ"
    if not visible:
        raise InvalidField(param)
    return text


def _validate(model: type[M], value: dict[str, Any]) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        place = error.errors(include_url=False, include_input=False)[0]["loc"]
        # Only names of our own fields: an unknown field's name is the client's text.
        known = [str(step) for step in place if isinstance(step, int) or step in _FIELDS]
        raise InvalidField(".".join(known) or None) from None


_FIELDS = {
    name
    for model in (ChatRequest, ShortRequest, FormRequest, Message, TextPart, ImagePart, ImageUrl)
    for name in model.model_fields
} | set(StreamOptions.model_fields)


def _from_chat(chat: ChatRequest) -> CompletionRequest:
    images: list[EncodedImage | str] = []
    turns = []
    for index, message in enumerate(chat.messages):
        param = f"messages.{index}.content"
        parts = message.content
        if isinstance(parts, str):
            text = parts
        else:
            text = "\n".join(part.text for part in parts if isinstance(part, TextPart))
            for part in parts:
                if isinstance(part, ImagePart):
                    if message.role != "user":
                        raise InvalidField(param)
                    url = part.image_url.url
                    known = _IMAGE_ID.fullmatch(url)
                    images.append(url if known else parse_image_text(url))
        turns.append(Turn(message.role, checked_text(text, param)))
    if chat.top_logprobs and not chat.logprobs:
        raise InvalidField("top_logprobs")
    if turns[-1].role != "user":
        raise InvalidField("messages")
    if len(images) > 1:  # one photo a question
        raise InvalidField("messages")
    if sum(len(turn.text) for turn in turns) > MAX_CONVERSATION_CHARS:
        raise InvalidField("messages")
    options = chat.stream_options
    photo = images[0] if images else None
    return CompletionRequest(
        turns=tuple(turns),
        image=photo if isinstance(photo, EncodedImage) else None,
        image_id=photo if isinstance(photo, str) else None,
        sampling=replace(
            _sampling(chat, chat.max_completion_tokens or chat.max_tokens),
            logprobs=bool(chat.logprobs),
            top_logprobs=chat.top_logprobs or 0,
            schema=_schema(chat),
        ),
        model=chat.model,
        stream=bool(chat.stream),
        include_usage=options is not None and options.include_usage,
        user=chat.user,
    )


def _image_id(text: str | None) -> str | None:
    if text is not None and not _IMAGE_ID.fullmatch(text):
        raise InvalidField("image_id")
    return text


def _schema(chat: ChatRequest) -> str | None:
    if not isinstance(chat.response_format, SchemaFormat):
        return None
    text = json.dumps(chat.response_format.json_schema.schema_, sort_keys=True)
    if len(text) > MAX_SCHEMA_CHARS:
        raise InvalidSchema("response_format")
    return text


def _sampling(request: SampledRequest, max_tokens: int | None) -> Sampling:
    stop, temperature = request.stop, request.temperature or 0.0
    return Sampling(
        max_tokens=min(max_tokens or DEFAULT_MAX_TOKENS, MAX_TOKENS_CAP),
        temperature=temperature if temperature >= MIN_TEMPERATURE else 0.0,
        top_p=1.0 if request.top_p is None else request.top_p,
        top_k=request.top_k,
        repetition_penalty=request.repetition_penalty or 1.0,
        seed=request.seed,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
    )
