"""The operations of the batch lane: files, and batches made of them."""

from contract import errors
from contract.http import UnsupportedMediaType
from gateway import errors as own
from gateway.api.batch.file_form import FILE_FIELD
from gateway.api.batch.paging import After, BatchPage, FilePage, Order, PurposeFilter
from gateway.api.reference import batch_answers
from gateway.api.reference.operation import (
    A_FILE,
    BODY,
    CALLER,
    FORM,
    FORMS,
    JSON,
    ON_ANY_DAY,
    Errors,
    Operation,
)
from gateway.batch.form import BatchRequest

FILE_ID = "file-0199a2c41f0a7cc19d576f3a0c8e5b21"
BATCH_ID = "batch_0199a2c41f0a7cc19d576f3a0c8e5b22"
# Of whoever looks at something.
READER: Errors = (
    *(own.InvalidKey, own.KeysUnavailable, own.MissingScope, own.RateLimited),
    own.FileStoreUnavailable,
)
# Of whoever changes something.
WRITER: Errors = (*CALLER, *ON_ANY_DAY, own.FileStoreUnavailable)

BATCHES = (
    Operation(
        "POST",
        "/v1/files",
        "Upload the lines of a batch, as a JSONL file",
        batch_answers.FileAnswer,
        (
            *(
                *WRITER,
                own.QuotaExceeded,
                *FORMS,
                own.FilesFull,
                own.RequestTimeout,
                own.FileTooLarge,
            ),
            *(errors.LengthRequired, UnsupportedMediaType, errors.InvalidField),
        ),
        bodies={FORM: (batch_answers.FileForm,)},
        file_part=FILE_FIELD,
        examples=({"purpose": "batch", "file": A_FILE},),
        recorded=True,
    ),
    Operation(
        "GET",
        "/v1/files",
        "The files that are kept",
        batch_answers.FileList,
        (*READER, errors.InvalidField),
        query={"purpose": PurposeFilter, "after": After, "limit": FilePage, "order": Order},
    ),
    Operation(
        "GET",
        "/v1/files/{file_id}/content",
        "A file itself, or with `Range` a part of it",
        errors=(*READER, own.FileNotFound, own.RangeNotSatisfiable),
        status=(200, 206),
        sends="application/jsonl",
        examples=({"file_id": FILE_ID},),
    ),
    Operation(
        "GET",
        "/v1/files/{file_id}",
        "What is known of a file",
        batch_answers.FileAnswer,
        (*READER, own.FileNotFound),
        examples=({"file_id": FILE_ID},),
    ),
    Operation(
        "DELETE",
        "/v1/files/{file_id}",
        "Delete a file",
        batch_answers.FileDeletion,
        (*WRITER, own.FileNotFound),
        examples=({"file_id": FILE_ID},),
        recorded=True,
    ),
    Operation(
        "POST",
        "/v1/batches",
        "Ask all questions of a file within a day",
        batch_answers.BatchAnswer,
        (
            *(*WRITER, own.QuotaExceeded, *BODY),
            *(errors.InvalidJSON, own.FileNotFound, own.TooManyBatches),
        ),
        bodies={JSON: (BatchRequest,)},
        examples=(
            {
                "input_file_id": FILE_ID,
                "endpoint": "/v1/chat/completions",
                "completion_window": "24h",
            },
        ),
        recorded=True,
    ),
    Operation(
        "GET",
        "/v1/batches",
        "The batches, the newest first",
        batch_answers.BatchList,
        (*READER, errors.InvalidField),
        query={"after": After, "limit": BatchPage},
    ),
    Operation(
        "GET",
        "/v1/batches/{batch_id}",
        "How far a batch has come",
        batch_answers.BatchAnswer,
        (*READER, own.BatchNotFound),
        examples=({"batch_id": BATCH_ID},),
    ),
    Operation(
        "POST",
        "/v1/batches/{batch_id}/cancel",
        "Cancel a batch: what is under way goes on to its end",
        batch_answers.BatchAnswer,
        (
            *(*WRITER, own.BatchNotFound, own.BatchEnded),
            *(error for error in BODY if error is not UnsupportedMediaType),
        ),
        examples=({"batch_id": BATCH_ID},),
        recorded=True,
    ),
)
