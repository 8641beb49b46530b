"""What is said of one operation of the API, and which errors several of them have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from contract import errors
from contract.errors import ShopsightError
from contract.http import UnsupportedMediaType
from gateway import errors as own
from gateway.api.multipart import PHOTO_FIELD
from gateway.images.remote import errors as remote

JSON, FORM = "application/json", "multipart/form-data"
PHOTOS = ("image/jpeg", "image/png", "image/webp")

Errors = tuple[type[ShopsightError], ...]

# Of every request, before any route.
HEAD: Errors = (errors.BadRequest, own.HostNotServed)
# Of whoever sends something.
CALLER: Errors = (own.InvalidKey, own.KeysUnavailable, own.MissingScope, own.CrossSiteRequest)
# Of what may be done whatever is left of the day's allowance, and of all else.
ON_ANY_DAY: Errors = (own.RateLimited, own.LogUnavailable)
RECORDED: Errors = (*ON_ANY_DAY, own.QuotaExceeded)
BODY: Errors = (
    *(own.RequestTimeout, errors.LengthRequired, errors.PayloadTooLarge),
    *(UnsupportedMediaType, errors.InvalidField, errors.Overloaded),
    *(own.IdempotencyConflict, own.RequestUnderWay),
)
FORMS: Errors = (own.InvalidMultipart,)
PHOTO: Errors = (
    *(errors.ImageTooManyPixels, errors.UnsupportedImageType, errors.ImageUndecodable),
    *(errors.ImageTooComplex, errors.ImageDimensions, own.ContentBlocked),
    own.ModerationUnavailable,
)
IN_JSON: Errors = (errors.InvalidJSON, errors.InvalidBase64, errors.UrlNotAllowed)
# Of a photo that is fetched from its address.
FETCHED: Errors = (
    *(remote.ImageUrlUnreachable, remote.ImageUrlTooSlow, remote.ImageUrlRefused),
    *(remote.ImageUrlRedirected, remote.ImageUrlChanged),
)
ASKED: Errors = (
    *(errors.ImageNotFound, own.ImageStoreUnavailable, errors.ContextLengthExceeded),
    *(errors.ReplicaFailed, errors.DeadlineExceeded, errors.NoReplica),
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
    answer: type[BaseModel] | tuple[type[BaseModel], ...] = ()
    errors: Errors = ()
    status: tuple[int, ...] = (200,)
    bodies: Mapping[str, tuple[type[BaseModel], ...]] = field(default_factory=dict)
    """By media type: one of these. In a form the file is a part beside the model's fields."""
    file_part: str = PHOTO_FIELD
    """Of the form. What is no photo has to be there."""
    raw_photo: bool = False
    """The body may be a photo's file itself."""
    streams: bool = False
    sends: str | None = None
    """The media type of a file that is the answer."""
    query: Mapping[str, Any] = field(default_factory=dict)
    """Parameters, all optional, with the types that read them."""
    examples: tuple[Any, ...] = ()
    """Bodies, of the first media type; of an address without any, the parts in it."""
    hinted: bool = False
    """A question of a shopper: a header may say how it came."""
    recorded: bool = False
    """A row of the log: its answers have `x-interaction-id`."""

    @property
    def statuses(self) -> dict[int, Errors]:
        """Its errors by their status."""
        found: dict[int, Errors] = {}
        for error in dict.fromkeys((*HEAD, *self.errors)):
            found[error.status] = (*found.get(error.status, ()), error)
        return found
