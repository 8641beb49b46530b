"""One upload: whose it is, what it says of itself, and where its file is."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from contract.errors import ImageNotFound
from contract.forms import MAX_USER_CHARS, Wire
from contract.images import EncodedImage, ImageFacts
from gateway.errors import ImageStoreUnavailable
from gateway.identity.callers import Caller
from gateway.images.store import PhotoStore

PREFIX = "img_"

Consent = Literal["improve"]
"""What else its uploader lets a photo be used for: examples for a better model."""


class UploadForm(Wire):
    """The text fields of a form with a photo. Of a raw photo `consent` is in the query."""

    consent: Consent | None = None
    user: Annotated[str, Field(max_length=MAX_USER_CHARS)] | None = None


@dataclass(frozen=True)
class Upload:
    id: str
    facts: ImageFacts
    tenant: str
    session: str | None
    """Of the anonymous shopper whose it is; an API key's uploads belong to its tenant."""
    created_at: datetime
    expires_at: datetime
    store: PhotoStore
    consent: Consent | None = None
    user_pseudonym: str | None = None
    """Whose it is within the tenant, where the upload said so: for erasure."""

    @property
    def key(self) -> uuid.UUID:
        return uuid.UUID(self.id.removeprefix(PREFIX))

    @property
    def unread_bytes(self) -> int:
        return self.facts.size_bytes

    def columns(self) -> dict[str, Any]:
        """Its row, but for the key."""
        return {
            "tenant": self.tenant,
            "session_id": self.session,
            "user_pseudonym": self.user_pseudonym,
            "image_digest": self.facts.digest,
            "image_format": self.facts.format,
            "image_width": self.facts.width,
            "image_height": self.facts.height,
            "image_bytes": self.facts.size_bytes,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "consent": self.consent,
        }

    def belongs_to(self, caller: Caller) -> bool:
        return (self.tenant, self.session) == (caller.tenant, caller.session)

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "image",
            "bytes": self.facts.size_bytes,
            "width": self.facts.width,
            "height": self.facts.height,
            "format": self.facts.format,
            "created_at": int(self.created_at.timestamp()),
            "expires_at": int(self.expires_at.timestamp()),
            "consent": self.consent,
        }

    async def read(self) -> EncodedImage:
        """The file without metadata. Raises ImageNotFound, ImageStoreUnavailable."""
        try:
            data = await self.store.read_soon(self.key)
        except FileNotFoundError:
            raise ImageNotFound("image_id") from None
        except OSError:
            raise ImageStoreUnavailable from None
        return EncodedImage(data)
