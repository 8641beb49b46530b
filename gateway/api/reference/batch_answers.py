"""What files and batches are, in OpenAI's form, as models for the description."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.api.batch.file_form import ANCHOR, SECONDS
from gateway.api.reference.answers import Described
from gateway.batch.batch import Status
from gateway.batch.form import LONGEST_S, SHORTEST_S


class FileForm(Described):
    """The text fields beside the file. The lifetime takes both of its fields."""

    purpose: Literal["batch"]
    anchor: Annotated[Literal["created_at"] | None, Field(alias=ANCHOR)] = None
    seconds: Annotated[int | None, Field(alias=SECONDS, ge=SHORTEST_S, le=LONGEST_S)] = None


class FileAnswer(Described):
    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    """Its sender's own name for it."""
    purpose: Literal["batch", "batch_output"]
    status: Literal["processed"]
    status_details: None


class FileList(Described):
    object: Literal["list"]
    data: list[FileAnswer]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeletion(Described):
    id: str
    object: Literal["file"]
    deleted: Literal[True]


class BatchError(Described):
    code: str
    message: str
    line: int | None
    """Of the file, from 1."""
    param: str | None


class BatchErrors(Described):
    object: Literal["list"]
    data: list[BatchError]


class RequestCounts(Described):
    total: int
    completed: int
    failed: int


class BatchAnswer(Described):
    id: str
    object: Literal["batch"]
    endpoint: str
    errors: BatchErrors | None
    """Of a batch whose file cannot be used."""
    input_file_id: str
    completion_window: Literal["24h"]
    status: Status
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int | None
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    metadata: dict[str, str] | None


class BatchList(Described):
    object: Literal["list"]
    data: list[BatchAnswer]
    first_id: str | None
    last_id: str | None
    has_more: bool
