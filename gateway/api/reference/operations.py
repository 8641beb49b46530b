"""Every operation of the public API: what it takes (the models that read it), what it answers, and
which errors it raises. Tests cause each of the statuses, and compare the list with the routes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from contract import errors
from contract.errors import ShopsightError
from contract.forms import ChatRequest, FormRequest, ShortRequest
from gateway import errors as own
from gateway.api.reference import answers
from gateway.feedback.form import VoteForm
from gateway.images.upload import UploadForm
from gateway.moderation.form import ModerationForm

JSON, FORM = "application/json", "multipart/form-data"
PHOTOS = ("image/jpeg", "image/png", "image/webp")

Errors = tuple[type[ShopsightError], ...]

# Of every request, before any route.
HEAD: Errors = (errors.BadRequest, own.HostNotServed)
# Of whoever sends something.
CALLER: Errors = (own.InvalidKey, own.KeysUnavailable, own.MissingScope, own.CrossSiteRequest)
RECORDED: Errors = (own.RateLimited, own.LogUnavailable)
BODY: Errors = (
    *(own.RequestTimeout, errors.LengthRequired, errors.PayloadTooLarge),
    *(errors.UnsupportedMediaType, errors.InvalidField, errors.Overloaded),
    *(own.IdempotencyConflict, own.RequestUnderWay),
)
FORMS: Errors = (own.InvalidMultipart,)
PHOTO: Errors = (
    *(errors.ImageTooManyPixels, errors.UnsupportedImageType, errors.ImageUndecodable),
    *(errors.ImageTooComplex, errors.ImageDimensions, own.ContentBlocked),
    own.ModerationUnavailable,
)
IN_JSON: Errors = (errors.InvalidJSON, errors.InvalidBase64, errors.UrlNotAllowed)
ASKED: Errors = (
    *(errors.ImageNotFound, own.ImageStoreUnavailable, errors.ContextLengthExceeded),
    *(errors.ReplicaFailed, errors.DeadlineExceeded, errors.NoReplica, own.QuotaExceeded),
)

# 48 × 32 pixels, PNG.
SMALL_PHOTO = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAADAAAAAgAQMAAABuGmlfAAAABlBMVEXw8Ox4Rh5ipuID"
    "AAAAGElEQVR42mNgIBfw////g4EJwh4UFFYAAP8MAy4NmtHeAAAAAElFTkSuQmCC"
)
# Stands for a file's bytes, which JSON cannot show.
A_FILE = "(the file)"
QUESTION = "这是真皮吗?"


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    summary: str
    answer: type[BaseModel] | tuple[type[BaseModel], ...]
    errors: Errors = ()
    status: tuple[int, ...] = (200,)
    bodies: Mapping[str, tuple[type[BaseModel], ...]] = field(default_factory=dict)
    """By media type: one of these. In a form the photo is a part beside the model's fields."""
    raw_photo: bool = False
    """The body may be a photo's file itself."""
    streams: bool = False
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Parameters, all optional, with their values."""
    examples: tuple[Any, ...] = ()
    """Bodies, of the first media type; of an address without any, the parts in it."""
    recorded: bool = False
    """A row of the log: its answers have `x-interaction-id`."""

    @property
    def statuses(self) -> dict[int, Errors]:
        """Its errors by their status."""
        found: dict[int, Errors] = {}
        for error in dict.fromkeys((*HEAD, *self.errors)):
            found[error.status] = (*found.get(error.status, ()), error)
        return found


OPERATIONS = (
    Operation(
        "POST",
        "/v1/chat/completions",
        "Ask, in OpenAI's form or in the short form",
        (answers.ChatAnswer, answers.ShortAnswer),
        (
            *(*CALLER, *RECORDED, *BODY, *IN_JSON, *PHOTO, *ASKED),
            *(errors.InvalidSchema, errors.ModelNotFound),
        ),
        bodies={JSON: (ChatRequest, ShortRequest)},
        examples=(
            {
                "model": "shopsight",
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": {"url": SMALL_PHOTO}},
                            {"type": "text", "text": QUESTION},
                        ],
                    }
                ],
            },
            {"image": SMALL_PHOTO, "prompt": QUESTION, "max_tokens": 128},
        ),
        streams=True,
        recorded=True,
    ),
    Operation(
        "POST",
        "/v1/ask",
        "Ask with a form, as apps and pages do",
        answers.ShortAnswer,
        (*CALLER, *RECORDED, *BODY, *FORMS, *PHOTO, *ASKED),
        bodies={FORM: (FormRequest,)},
        examples=({"photo": A_FILE, "question": QUESTION},),
        streams=True,
        recorded=True,
    ),
    Operation(
        "POST",
        "/v1/images",
        "Upload a photo once, to ask about it by its id",
        answers.UploadAnswer,
        (
            *(*CALLER, *RECORDED, *BODY, *FORMS, *PHOTO),
            *(own.StorageFull, own.ImageStoreUnavailable),
        ),
        status=(201,),
        bodies={FORM: (UploadForm,)},
        examples=({"photo": A_FILE},),
        raw_photo=True,
        query={"consent": ("improve",)},
        recorded=True,
    ),
    Operation(
        "POST",
        "/v1/feedback",
        "Vote on an answer",
        answers.VoteAnswer,
        (*CALLER, *RECORDED, *BODY, errors.InvalidJSON, own.ContentBlocked),
        status=(202,),
        bodies={JSON: (VoteForm,)},
        examples=(
            {
                "interaction_id": "0199a2c4-1f0a-7cc1-9d57-6f3a0c8e5b21",
                "vote": "down",
                "reason": "It is canvas, not leather.",
            },
        ),
        recorded=True,
    ),
    Operation(
        "POST",
        "/v1/moderations",
        "Verdicts on texts and photos, in OpenAI's form",
        answers.ModerationAnswer,
        (
            *(*CALLER, *RECORDED, *BODY, *IN_JSON),
            *(error for error in PHOTO if error is not own.ContentBlocked),
        ),
        bodies={JSON: (ModerationForm,)},
        examples=({"input": [QUESTION, "Is it waterproof?"]},),
        recorded=True,
    ),
    Operation(
        "DELETE",
        "/v1/users/{user}/data",
        "Erase a person: of a tenant's key any of its users, of a session `me`",
        answers.ErasureReceipt,
        (*CALLER, *RECORDED, own.ErasureIncomplete),
        status=(200, 202),
        examples=({"user": "u-17"},),
        recorded=True,
    ),
    Operation(
        "GET",
        "/v1/models",
        "What answers now",
        answers.ModelList,
        (own.InvalidKey, own.KeysUnavailable),
    ),
    Operation(
        "GET",
        "/v1/models/{model}",
        "One of them: the alias `shopsight`, or a revision",
        answers.ModelEntry,
        (own.InvalidKey, own.KeysUnavailable, errors.ModelNotFound, errors.NoReplica),
        examples=({"model": "shopsight"},),
    ),
    Operation("GET", "/healthz", "Whether this process is alive", answers.Alive),
    Operation(
        "GET",
        "/readyz",
        "Whether questions can be answered now: 503 with the same body where they cannot",
        answers.Readiness,
        status=(200, 503),
    ),
)
# Routes that are no operations: what describes them, and what tells that there is none.
UNDESCRIBED = (*("/openapi.json", "/reference", "/v1/responses", "/v1/responses/{rest}"),)
