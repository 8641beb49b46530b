"""The operations that ask something of a photo."""

from contract import errors
from contract.forms import ChatRequest, FormRequest, ShortRequest
from contract.products.forms import CardForm, CardRequest, MatchForm, MatchRequest
from gateway.api.reference import answers, product_answers
from gateway.api.reference.operation import (
    A_FILE,
    ASKED,
    BODY,
    CALLER,
    FETCHED,
    FORM,
    FORMS,
    IN_JSON,
    JSON,
    PHOTO,
    QUESTION,
    RECORDED,
    SMALL_PHOTO,
    Errors,
    Operation,
)

# Of what takes JSON as well as a form, and names a model.
PRODUCT: Errors = (
    *(*CALLER, *RECORDED, *BODY, *FORMS, *IN_JSON, *PHOTO, *FETCHED, *ASKED),
    errors.ModelNotFound,
)

QUESTIONS = (
    Operation(
        "POST",
        "/v1/chat/completions",
        "Ask, in OpenAI's form or in the short form",
        (answers.ChatAnswer, answers.ShortAnswer),
        (
            *(*CALLER, *RECORDED, *BODY, *IN_JSON, *PHOTO, *FETCHED, *ASKED),
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
        hinted=True,
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
        hinted=True,
        recorded=True,
    ),
    Operation(
        "POST",
        "/v1/products/card",
        "What the photo shows, field by field, each with its confidence",
        product_answers.ProductCardAnswer,
        PRODUCT,
        bodies={JSON: (CardRequest,), FORM: (CardForm,)},
        examples=({"image": SMALL_PHOTO, "language": "zh"},),
        streams=True,
        recorded=True,
    ),
    Operation(
        "POST",
        "/v1/match",
        "How well a text matches the photo",
        product_answers.ProductMatchAnswer,
        PRODUCT,
        bodies={JSON: (MatchRequest,), FORM: (MatchForm,)},
        examples=({"image": SMALL_PHOTO, "text": "红色手提包"},),
        recorded=True,
    ),
)
