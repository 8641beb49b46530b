"""The three forms in which a question may arrive, field by field; anything else is refused."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MODEL_ALIAS = "shopsight"
MAX_TURNS = 20
MAX_USER_CHARS = 512


class _Wire(BaseModel):
    # Strict: "2" or true for a number is a mistake of the client, not a number.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TextPart(_Wire):
    type: Literal["text"]
    text: str


class ImageUrl(_Wire):
    url: str
    """A data URI, or the id of an upload (`img_…`)."""
    detail: Literal["auto", "low", "high"] | None = None  # accepted, ignored


class ImagePart(_Wire):
    type: Literal["image_url"]
    image_url: ImageUrl


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Message(_Wire):
    role: Literal["system", "user", "assistant"]
    content: str | Annotated[list[Part], Field(min_length=1, max_length=8)]
    name: str | None = None  # accepted, ignored


class StreamOptions(_Wire):
    include_usage: bool = False


class JsonSchema(_Wire):
    name: Annotated[str, Field(max_length=64)]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    description: str | None = None  # accepted, ignored
    strict: bool | None = None  # an answer always keeps to its schema


class TextFormat(_Wire):
    type: Literal["text"]


class SchemaFormat(_Wire):
    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | SchemaFormat, Field(discriminator="type")]


StopText = Annotated[str, Field(min_length=1, max_length=100)]


class SampledRequest(_Wire):
    """The fields that both JSON forms share."""

    model: Annotated[str, Field(max_length=128)] = MODEL_ALIAS
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=1, le=1000)] | None = None
    repetition_penalty: Annotated[float, Field(ge=0.1, le=2)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=4)] | None = None
    stream: bool | None = None


class ChatRequest(SampledRequest):
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_TURNS + 1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    # OpenAI's clients and frameworks send these; at these values they change nothing.
    user: Annotated[str, Field(max_length=MAX_USER_CHARS)] | None = None
    metadata: dict[str, str] | None = None
    n: Literal[1] | None = None
    store: bool | None = None
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    presence_penalty: Annotated[float, Field(ge=0, le=0)] | None = None


class ShortRequest(SampledRequest):
    image: str | None = None
    image_id: str | None = None
    prompt: str


class FormRequest(_Wire):
    """The text fields of `POST /v1/ask`; the photo is the form's file part."""

    # Form fields are texts: this one model may read numbers and booleans out of them.
    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)
    question: str
    image_id: str | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stream: bool = False
