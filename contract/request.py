"""Any of the three forms → one checked `CompletionRequest`; any deviation is a named error."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from contract.completion import (
    ANY_OBJECT,
    DEFAULT_MAX_TOKENS,
    CompletionRequest,
    FurtherPhoto,
    Sampling,
    Turn,
)
from contract.errors import ClientError, InvalidField
from contract.fields import UNSUPPORTED, fault_of, is_plain_name
from contract.forms import ChatRequest, FormRequest, SampledRequest, SchemaFormat, ShortRequest
from contract.images import EncodedImage
from contract.json_body import parse_object
from contract.schema import check_schema
from contract.text.language import language_of
from contract.turns import Photo, checked_text, read_messages, read_photo

# Output tokens, at most.
MAX_TOKENS_CAP = 1024
# Below, dividing by it overflows; the answer would be the greedy one anyway.
MIN_TEMPERATURE = 1e-3
# Roles whose turns are not the asker's own words.
_OTHERS = ("assistant", "system", "developer")

M = TypeVar("M", bound=BaseModel)


def parse_completion(body: bytes) -> CompletionRequest:
    """Read the OpenAI form or the short form; any deviation raises a named 4xx error."""
    value = parse_object(body)
    given = {name for name, field in value.items() if field is not None}
    with told_in_the_language_of(value):
        if "messages" in given or not given & {"image", "image_id", "prompt"}:
            return _from_chat(validate(ChatRequest, value))
        return _from_short(validate(ShortRequest, value))


def parse_form(fields: Mapping[str, str], photo: EncodedImage | None) -> CompletionRequest:
    """Read the fields of the multipart form beside its photo; answered in the short form. A form
    has no null: a field that is left empty is absent."""
    with told_in_the_language_of(fields):
        return _from_form(fields, photo)


@contextmanager
def told_in_the_language_of(value: Mapping[str, Any]) -> Iterator[None]:
    """What is wrong with a request is told in the language that it names. Else what is wrong with
    one in Chinese is told in Chinese, whatever else it lacks."""
    try:
        yield
    except ClientError as error:
        named = value.get("language")
        if named not in ("zh", "en"):
            spoken = (language_of(words) for words in _words(value))
            named = next((language for language in spoken if language != "other"), None)
            if named != "zh":
                raise
        told = copy.copy(error)  # one error may be raised to several askers
        told.language = named
        raise told from None


def _words(value: Mapping[str, Any]) -> Iterator[str]:
    """Of the asker of a request that nobody has checked, the last first: neither an answer nor an
    instruction tells a person's language."""
    yield _text([value.get(name) for name in ("question", "prompt", "text", "reason")])
    yield _text(value.get("input"))
    messages = value.get("messages")
    for message in reversed(messages) if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("role") not in _OTHERS:
            yield _text(message.get("content"))


def _text(content: object) -> str:
    """Of one text, or of a list of texts and parts."""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str))


def _from_form(fields: Mapping[str, str], photo: EncodedImage | None) -> CompletionRequest:
    form = validate(FormRequest, {name: text for name, text in fields.items() if text})
    if form.image_id is not None:
        if photo is not None:
            raise InvalidField("image_id")
        about = read_photo(form.image_id, "image_id", by_id=True)
    elif photo is not None:
        about = Photo("photo", photo)
    else:
        raise InvalidField("photo", fault="missing")
    return _about(
        about,
        turns=(Turn("user", checked_text(form.question, "question")),),
        question_field="question",
        sampling=Sampling(max_tokens=min(form.max_tokens or DEFAULT_MAX_TOKENS, MAX_TOKENS_CAP)),
        stream=form.stream,
        short=True,
        user=form.user,
    )


def validate(model: type[M], value: dict[str, Any]) -> M:
    """The object as `model`. Raises InvalidField with the place of what is wrong first."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place, context = list(first["loc"]), first.get("ctx", {})
        what = None
        if first["type"] == UNSUPPORTED:
            what = context["what"]
            place += [context["step"]] if context["step"] else []
        fault, limit = fault_of(first)
        raise InvalidField(_param(place), what, fault=fault, limit=limit) from None


def _param(place: list[int | str]) -> str | None:
    """Field names and indices. Left out: what pydantic calls the members of a union, and an unknown
    field's name that is no plain one, since it may be any text of the client's."""
    steps = [str(step) for step in place if isinstance(step, int) or is_plain_name(step)]
    return ".".join(steps) or None


def _from_short(short: ShortRequest) -> CompletionRequest:
    if short.image_id is not None:
        if short.image is not None:
            raise InvalidField("image")
        about = read_photo(short.image_id, "image_id", by_id=True)
    elif short.image is not None:
        about = read_photo(short.image, "image", by_id=False)
    else:
        raise InvalidField("image", fault="missing")
    return _about(
        about,
        turns=(Turn("user", checked_text(short.prompt, "prompt")),),
        question_field="prompt",
        sampling=_sampling(short),
        model=short.model,
        stream=bool(short.stream),
        short=True,
        user=short.user,
    )


def _from_chat(chat: ChatRequest) -> CompletionRequest:
    if chat.top_logprobs and not chat.logprobs:
        raise InvalidField("top_logprobs")
    turns, photos = read_messages(chat.messages)
    options = chat.stream_options
    return _about(
        *photos,
        turns=turns,
        sampling=replace(
            _sampling(chat),
            logprobs=bool(chat.logprobs),
            top_logprobs=chat.top_logprobs or 0,
            schema=_schema(chat),
        ),
        model=chat.model,
        stream=bool(chat.stream),
        include_usage=options is not None and options.include_usage,
        user=chat.user,
    )


def _about(*photos: Photo, **fields: Any) -> CompletionRequest:
    if not photos:
        return CompletionRequest(image=None, **fields)
    first, *others = photos
    further = (FurtherPhoto(o.user_turn, o.image, o.image_id, o.image_url, o.place) for o in others)
    return CompletionRequest(
        image=first.image,
        image_id=first.image_id,
        image_url=first.image_url,
        photo_turn=first.user_turn if others else 0,
        further=tuple(further),
        photo_field=first.place,
        **fields,
    )


def _schema(chat: ChatRequest) -> str | None:
    wanted = chat.response_format
    if wanted is None or wanted.type == "text":
        return None
    if not isinstance(wanted, SchemaFormat):
        return ANY_OBJECT
    return check_schema(wanted.json_schema.schema_)


def _sampling(request: SampledRequest) -> Sampling:
    stop, temperature = request.stop, request.temperature or 0.0
    max_tokens = request.max_completion_tokens or request.max_tokens or DEFAULT_MAX_TOKENS
    # Of no likelihood at all only the likeliest token is left.
    greedy = temperature < MIN_TEMPERATURE or request.top_p == 0
    return Sampling(
        max_tokens=min(max_tokens, MAX_TOKENS_CAP),
        temperature=0.0 if greedy else temperature,
        top_p=request.top_p or 1.0,
        top_k=request.top_k,
        repetition_penalty=request.repetition_penalty or 1.0,
        seed=request.seed,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
    )
