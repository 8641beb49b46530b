"""One file of the batch lane: whose it is, until when, and where its bytes are."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

PREFIX = "file-"
# What a client uploads, and what a batch has written.
INPUT: Literal["batch"] = "batch"
OUTPUT: Literal["batch_output"] = "batch_output"
_ID = re.compile(rf"{PREFIX}([0-9a-f]{{32}})")


@dataclass(frozen=True)
class StoredFile:
    key: uuid.UUID
    tenant: str
    purpose: str
    name: str
    """The client's own name for it; it is no path."""
    size: int
    created_at: datetime
    expires_at: datetime

    @property
    def id(self) -> str:
        return PREFIX + self.key.hex

    def row(self) -> dict[str, Any]:
        return {
            "file_id": self.key,
            "tenant": self.tenant,
            "purpose": self.purpose,
            "name": self.name,
            "bytes": self.size,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
        }

    def wire(self) -> dict[str, Any]:
        """OpenAI's object. `status` has been deprecated there, and libraries still want it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": int(self.created_at.timestamp()),
            "expires_at": int(self.expires_at.timestamp()),
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


def file_key(name: str) -> uuid.UUID | None:
    """The key in `file-…`; None where that is no id of a file."""
    found = _ID.fullmatch(name)
    return uuid.UUID(found[1]) if found else None


def path_of(folder: Path, key: uuid.UUID) -> Path:
    # The last digits are random: a flat folder of many files is slow to list.
    return folder / key.hex[-2:] / key.hex
