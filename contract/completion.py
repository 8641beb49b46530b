"""One checked question, whatever form it came in, and the form in which a replica reads it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from contract.errors import (
    ContextLengthExceeded,
    ImageNotFound,
    InvalidField,
    PayloadTooLarge,
    PhotoError,
    ShopsightError,
    UrlNotAllowed,
)
from contract.forms import MODEL_ALIAS
from contract.images import EncodedImage

# The schema that `response_format: json_object` stands for.
ANY_OBJECT = '{"type": "object"}'
# Output tokens when the client names no bound.
DEFAULT_MAX_TOKENS = 256


@dataclass(frozen=True)
class Turn:
    role: Literal["system", "user", "assistant"]
    text: str
    message: int = field(default=0, compare=False)
    """Its number among the client's messages, of which a photo's own is no turn."""


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens. Temperature 0 is greedy; `seed` makes a warmer answer repeatable."""

    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    top_logprobs: int = 0
    schema: str | None = None
    """A JSON schema, as JSON with its keys in the client's order, that the answer keeps to."""

    @property
    def repeatable(self) -> bool:
        return self.temperature == 0 or self.seed is not None


@dataclass(frozen=True)
class FurtherPhoto:
    """A photo beside the first one, or its id or address, before its turn's text."""

    user_turn: int
    """Which of the user's turns shows it; 0 is the first."""
    image: EncodedImage | None = field(default=None, repr=False)
    image_id: str | None = None
    image_url: str | None = field(default=None, repr=False)
    place: str | None = field(default=None, compare=False)
    """Where the client's form has it."""


@dataclass(frozen=True)
class CompletionRequest:
    """One checked question: the turns (the last is the user's question), photos before the texts of
    the user's turns, and how the answer is wanted. An only photo belongs to the first user turn,
    so that all questions about it begin alike."""

    turns: tuple[Turn, ...]
    image: EncodedImage | None = field(repr=False)
    """The first photo."""
    sampling: Sampling = Sampling()
    model: str = MODEL_ALIAS
    stream: bool = False
    include_usage: bool = False
    short: bool = False
    user: str | None = None
    image_id: str | None = None
    """An earlier upload instead of `image`. Only the gateway keeps any: a replica refuses it."""
    image_url: str | None = field(default=None, repr=False)
    """Its address on the web instead. Only the gateway fetches any. It may hold a client's secret,
    so it is written nowhere."""
    photo_turn: int = 0
    """Which of the user's turns shows the first photo."""
    further: tuple[FurtherPhoto, ...] = ()
    """Photos beside the first, in order."""
    language: str | None = field(default=None, compare=False)
    """`zh` or `en`, where the asker has named it; else it is that of the question."""
    question_field: str = field(default="messages", compare=False)
    """Of the client's form: where the question came, for the `param` of an error."""
    photo_field: str | None = field(default=None, compare=False)
    """The same of the photo or its id; None when there is none."""

    @property
    def question(self) -> str:
        return self.turns[-1].text

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses among its photos."""
        every = (self.image_url, *(photo.image_url for photo in self.further))
        return tuple(url for url in every if url is not None)

    @property
    def has_ids(self) -> bool:
        return self.image_id is not None or any(photo.image_id for photo in self.further)

    def require_files(self) -> None:
        """For who neither keeps uploads nor fetches photos: raises ImageNotFound, UrlNotAllowed."""
        if self.has_ids:
            raise ImageNotFound
        if self.urls:
            raise UrlNotAllowed

    @property
    def user_turns(self) -> int:
        return sum(turn.role == "user" for turn in self.turns)

    @property
    def photo_count(self) -> int:
        """How many photos it shows, whether their files are here or not."""
        return len(self.further) + (self.photo_field is not None)

    @property
    def images(self) -> tuple[EncodedImage, ...]:
        """The files of all photos, in order, once they are there."""
        every = (self.image, *(photo.image for photo in self.further))
        return tuple(image for image in every if image is not None)

    def with_images(self, images: Sequence[EncodedImage]) -> "CompletionRequest":
        """With these files in the place of its photos', in order."""
        if not images:
            return replace(self, image=None)
        first, *others = images
        further = tuple(
            replace(photo, image=image) for photo, image in zip(self.further, others, strict=True)
        )
        return replace(self, image=first, further=further)

    def shown(self) -> dict[int, list[EncodedImage]]:
        """The files of the photos, by the user's turn that shows them."""
        found: dict[int, list[EncodedImage]] = {}
        turns = (self.photo_turn, *(photo.user_turn for photo in self.further))
        for turn, image in zip(turns, self.images, strict=False):
            found.setdefault(turn, []).append(image)
        return found

    def placed(self, error: ShopsightError) -> ShopsightError:
        """The error as its asker is to see it: `param` names a field of the form in which the
        question came. A replica names those of the form in which it was asked."""
        if error.param is not None and error.param in {photo.place for photo in self.further}:
            return error
        if isinstance(error, PhotoError):
            return error.at(self.photo_field)
        if isinstance(error, ContextLengthExceeded):
            return error.at(self.question_field)
        if isinstance(error, PayloadTooLarge) and self.photo_field:
            return error.at(self.photo_field)
        if isinstance(error, InvalidField) and (error.param or "").startswith("messages"):
            return error if self.question_field == "messages" else error.at(self.question_field)
        return error

    def wire(self, model: str | None = None) -> dict[str, Any]:
        """The OpenAI form of this question, for a replica: any server of the contract reads it."""
        messages: list[dict[str, Any]] = [
            {"role": turn.role, "content": turn.text} for turn in self.turns
        ]
        asked = [message for message in messages if message["role"] == "user"]
        for turn, images in self.shown().items():
            photos = [{"type": "image_url", "image_url": {"url": i.data_uri}} for i in images]
            asked[turn]["content"] = [*photos, {"type": "text", "text": asked[turn]["content"]}]
        sampling = {
            name: value
            for name, value in vars(self.sampling).items()
            if value != getattr(Sampling, name, None) and name != "schema"
        }
        return {
            "model": model or self.model,
            "messages": messages,
            **sampling,
            "max_tokens": self.sampling.max_tokens,
            "temperature": self.sampling.temperature,
            "stream": self.stream,
            **({"stream_options": {"include_usage": True}} if self.include_usage else {}),
            **self._response_format(),
        }

    def _response_format(self) -> dict[str, Any]:
        if self.sampling.schema is None:
            return {}
        if self.sampling.schema == ANY_OBJECT:
            return {"response_format": {"type": "json_object"}}
        schema = {"name": "answer", "schema": json.loads(self.sampling.schema), "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
