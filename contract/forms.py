"""The three forms in which a question may arrive, field by field. What stands neither here nor in
`fields` is refused."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from contract import fields
from contract.fields import UnreadFields

MODEL_ALIAS = "shopsight"
# Turns of users and of the model before the question, and instructions beside them.
MAX_EARLIER_TURNS = 20
MAX_INSTRUCTIONS = 2
MAX_MESSAGES = MAX_EARLIER_TURNS + 1 + MAX_INSTRUCTIONS
MAX_USER_CHARS = 512
# Parts of one turn's content: a photo and its question, or a text in a few pieces.
MAX_PARTS = 8


class Wire(BaseModel):
    """An object of a client's JSON. A field that is null is absent."""

    # Strict: "2" or true for a number is a mistake of the client, not a number.
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )
    unread: ClassVar[UnreadFields] = fields.NOTHING

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        return cls.unread.added_to(handler.resolve_ref_schema(schema))

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, value: Any) -> Any:
        return cls.unread.left_out(value) if isinstance(value, dict) else value


class TextPart(Wire):
    unread = fields.PART
    type: Literal["text"]
    text: str

    @field_validator("type", mode="before")
    @classmethod
    def _supported(cls, value: Any) -> Any:
        if isinstance(value, str) and value in fields.REFUSED_PARTS:
            raise fields.unsupported(value)
        return value


class RefusalPart(Wire):
    """Of an earlier answer."""

    type: Literal["refusal"]
    refusal: str


class ImageUrl(Wire):
    unread = fields.IMAGE_URL
    url: str
    """A data URI, the id of an upload (`img_…`), or an https address of a host that the server
    fetches photos from."""


class ImagePart(Wire):
    unread = fields.PART
    type: Literal["image_url"]
    image_url: ImageUrl


def _by(name: str, among: tuple[str, ...], otherwise: str) -> Discriminator:
    """Chooses the model by the field `name`. In angle brackets, so that it is no field's name in
    the place of an error."""

    def tag(value: Any) -> str:
        found = value.get(name) if isinstance(value, dict) else None
        return f"<{found if found in among else otherwise}>"

    return Discriminator(tag)


_TEXT_OR_LIST = Discriminator(lambda value: "<list>" if isinstance(value, list) else "<str>")
Part = Annotated[
    Annotated[TextPart, Tag("<text>")]
    | Annotated[ImagePart, Tag("<image_url>")]
    | Annotated[RefusalPart, Tag("<refusal>")],
    _by("type", ("image_url", "refusal"), "text"),
]
Content = Annotated[
    Annotated[str, Tag("<str>")]
    | Annotated[list[Part], Field(max_length=MAX_PARTS), Tag("<list>")],
    _TEXT_OR_LIST,
]


class Message(Wire):
    """`developer` is OpenAI's newer name of `system`."""

    unread = fields.MESSAGE
    role: Literal["system", "developer", "user"]
    content: Content

    @field_validator("role", mode="before")
    @classmethod
    def _supported(cls, value: Any) -> Any:
        if isinstance(value, str) and value in fields.REFUSED_ROLES:
            raise fields.unsupported(value)
        return value


class EarlierAnswer(Wire):
    """An earlier answer, perhaps as a client's library dumps it."""

    unread = fields.ANSWER
    role: Literal["assistant"]
    content: Content | None = None
    refusal: str | None = None


AnyMessage = Annotated[
    Annotated[Message, Tag("<message>")] | Annotated[EarlierAnswer, Tag("<assistant>")],
    _by("role", ("assistant",), "message"),
]


class StreamOptions(Wire):
    unread = fields.STREAM_OPTIONS
    include_usage: bool = False


class JsonSchema(Wire):
    unread = fields.JSON_SCHEMA
    name: Annotated[str, Field(max_length=64)]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class PlainFormat(Wire):
    type: Literal["text", "json_object"]


class SchemaFormat(Wire):
    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[
    Annotated[PlainFormat, Tag("<plain>")] | Annotated[SchemaFormat, Tag("<json_schema>")],
    _by("type", ("json_schema",), "plain"),
]


StopText = Annotated[str, Field(min_length=1, max_length=100)]
StopTexts = Annotated[
    Annotated[StopText, Tag("<str>")]
    | Annotated[list[StopText], Field(max_length=4), Tag("<list>")],
    _TEXT_OR_LIST,
]


class SampledRequest(Wire):
    """The fields that both JSON forms share."""

    unread = fields.REQUEST
    model: Annotated[str, Field(max_length=128)] = MODEL_ALIAS
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    """The newer name of `max_tokens`; where both are given, it counts."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=1, le=1000)] | None = None
    repetition_penalty: Annotated[float, Field(ge=0.1, le=2)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: StopTexts | None = None
    stream: bool | None = None
    user: Annotated[str, Field(max_length=MAX_USER_CHARS)] | None = None


def _not_too_many(messages: Any) -> Any:
    """More than any conversation has with its instructions, which its limit does not count."""
    if isinstance(messages, list) and len(messages) > MAX_MESSAGES:
        limit = {"max_length": MAX_EARLIER_TURNS + 1}
        raise PydanticCustomError("too_long", "too many turns", limit)
    return messages


class ChatRequest(SampledRequest):
    messages: Annotated[
        list[AnyMessage],
        Field(min_length=1, max_length=MAX_MESSAGES),
        BeforeValidator(_not_too_many),
    ]
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None


class ShortRequest(SampledRequest):
    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["image"]}, {"required": ["image_id"]}]}
    )
    image: str | None = None
    image_id: str | None = None
    prompt: str


class FormRequest(Wire):
    """The text fields of `POST /v1/ask`; the photo is the form's file part."""

    # Form fields are texts: this one model may read numbers and booleans out of them.
    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)
    question: str
    image_id: str | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stream: bool = False
    user: Annotated[str, Field(max_length=MAX_USER_CHARS)] | None = None
