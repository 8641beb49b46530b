"""One batch as its client sees it, and the states that it goes through. Pure."""

import json
import re
import uuid
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row

from gateway.batch.file import PREFIX as FILE_PREFIX

PREFIX = "batch_"
WINDOW = "24h"
_ID = re.compile(rf"{PREFIX}([0-9a-f]{{32}})")

Status = Literal[
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
]
MOMENTS = (
    *("created_at", "in_progress_at", "expires_at", "finalizing_at", "completed_at", "failed_at"),
    *("expired_at", "cancelling_at", "cancelled_at"),
)


def batch_id(key: uuid.UUID) -> str:
    return PREFIX + key.hex


def batch_key(name: str) -> uuid.UUID | None:
    """The key in `batch_…`; None where that is no id of a batch."""
    found = _ID.fullmatch(name)
    return uuid.UUID(found[1]) if found else None


def wire(row: Row[Any]) -> dict[str, Any]:
    """OpenAI's object."""
    errors = json.loads(row.errors) if row.errors else None
    return {
        "id": batch_id(row.batch_id),
        "object": "batch",
        "endpoint": row.endpoint,
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": FILE_PREFIX + row.input_file_id.hex,
        "completion_window": WINDOW,
        "status": row.status,
        "output_file_id": _file_id(row.output_file_id),
        "error_file_id": _file_id(row.error_file_id),
        **{name: _seconds(getattr(row, name)) for name in MOMENTS},
        "request_counts": {"total": row.total, "completed": row.completed, "failed": row.failed},
        "metadata": json.loads(row.labels) if row.labels else None,
    }


def _file_id(key: uuid.UUID | None) -> str | None:
    return None if key is None else FILE_PREFIX + key.hex


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
