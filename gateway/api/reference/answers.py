"""What endpoints answer, as models for the description. The answers themselves are made elsewhere;
tests hold each of them to its model here."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Finish = Literal["stop", "length", "content_filter"]


class Described(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ErrorBody(Described):
    message: str
    """In the asker's language."""
    type: str
    code: str
    param: str | None


class ErrorAnswer(Described):
    error: ErrorBody


class TokenCounts(Described):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMessage(Described):
    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(Described):
    index: Literal[0]
    message: AnswerMessage
    finish_reason: Finish
    logprobs: dict[str, Any] | None


class ChatAnswer(Described):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    model_revision: str
    system_fingerprint: str
    choices: list[Choice]
    usage: TokenCounts


class ShortAnswer(Described):
    """Of the short form and of `/v1/ask`."""

    text: str
    id: str
    model: str
    model_revision: str
    finish_reason: Finish
    usage: TokenCounts
    session: str = ""
    """Of a new session only."""


class UploadAnswer(Described):
    id: str
    object: Literal["image"]
    bytes: int
    width: int
    height: int
    format: Literal["JPEG", "PNG", "WEBP"]
    created_at: int
    expires_at: int
    consent: Literal["improve"] | None
    session: str = ""
    """Of a new session only."""


class VoteAnswer(Described):
    id: str
    object: Literal["feedback"]
    interaction_id: str
    vote: Literal["up", "down"]


class ModerationResult(Described):
    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[Literal["text", "image"]]]


class ModerationAnswer(Described):
    id: str
    model: str
    results: list[ModerationResult]


class ErasureReceipt(Described):
    object: Literal["erasure"]
    erased_at: int
    interactions: int
    feedback: int
    dead_letters: int
    spooled_events: int
    images: int
    cached_answers: int
    batch_lines: int
    batch_results: int
    pending: list[str]


class ModelEntry(BaseModel):
    """Servers of other kinds may tell more of theirs."""

    id: str
    object: Literal["model"]
    model_revision: str


class ModelList(Described):
    object: Literal["list"]
    data: list[ModelEntry]


class Alive(Described):
    status: Literal["alive"]


class Readiness(Described):
    ready: bool
    pool: bool
    log: bool
