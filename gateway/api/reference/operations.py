"""Every operation of the public API: what it takes (the models that read it), what it answers, and
which errors it raises. Tests cause each of the statuses, and compare the list with the routes."""

from contract import errors
from gateway import errors as own
from gateway.api.reference import answers
from gateway.api.reference.batches import BATCHES
from gateway.api.reference.operation import (
    A_FILE,
    BODY,
    CALLER,
    FORM,
    FORMS,
    IN_JSON,
    JSON,
    ON_ANY_DAY,
    PHOTO,
    QUESTION,
    RECORDED,
    Operation,
)
from gateway.api.reference.questions import QUESTIONS
from gateway.feedback.form import VoteForm
from gateway.images.upload import Consent, UploadForm
from gateway.moderation.form import ModerationForm

OPERATIONS = (
    *QUESTIONS,
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
        query={"consent": Consent},
        recorded=True,
    ),
    Operation(
        "POST",
        "/v1/feedback",
        "Vote on an answer",
        answers.VoteAnswer,
        (*CALLER, *ON_ANY_DAY, *BODY, errors.InvalidJSON),
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
        (*CALLER, *ON_ANY_DAY, own.ErasureIncomplete),
        status=(200, 202),
        examples=({"user": "u-17"},),
        recorded=True,
    ),
    *BATCHES,
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
