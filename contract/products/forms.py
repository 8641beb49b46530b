"""The two forms, JSON and multipart, in which a card or a match may be asked for → one checked
`CompletionRequest` with what its asker has typed. How the model is asked stands in `questions`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, field_validator

from contract.completion import CompletionRequest, Turn
from contract.errors import InvalidField
from contract.fields import unsupported
from contract.forms import MAX_USER_CHARS, MODEL_ALIAS, Wire
from contract.images import EncodedImage
from contract.json_body import parse_object
from contract.products.card import CARD_QUESTIONS
from contract.products.match import MAX_MATCH_CHARS
from contract.request import told_in_the_language_of, validate
from contract.text.language import language_of
from contract.turns import Photo, checked_text, read_photo

Language = Literal["zh", "en"]
# A photo's field of the multipart form, as in `/v1/ask`.
PHOTO_FIELD = "photo"


class PhotoRequest(Wire):
    """What both have: a photo, and who asks in which language."""

    image: str | None = None
    """Base64, a data URI, or an https address of a host that the server fetches photos from."""
    image_id: str | None = None
    language: Language | None = None
    model: Annotated[str, Field(max_length=128)] = MODEL_ALIAS
    user: Annotated[str, Field(max_length=MAX_USER_CHARS)] | None = None


class CardRequest(PhotoRequest):
    stream: bool | None = None


class MatchRequest(PhotoRequest):
    text: str
    stream: bool | None = None
    """Not supported: 400 where it is true."""

    @field_validator("stream")
    @classmethod
    def _is_one_number(cls, value: bool | None) -> bool | None:
        if value:
            raise unsupported("stream")
        return value


# In a form the photo is its file.
NoText = Annotated[str, Field(max_length=0)] | None


class CardForm(CardRequest):
    """Fields of a form are texts: these may be read as booleans."""

    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)
    image: NoText = None
    """Empty: the photo is the form's file."""


class MatchForm(MatchRequest):
    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)
    image: NoText = None
    """Empty: the photo is the form's file."""


R = TypeVar("R", bound=PhotoRequest)


def parse_card(body: bytes, language: str) -> CompletionRequest:
    """`language`: where the request names none. Raises the named errors of a question."""
    value = parse_object(body)
    with told_in_the_language_of(value):
        request = validate(CardRequest, value)
        return _card(request, _photo_of(request), language)


def parse_card_form(
    texts: Mapping[str, str], photo: EncodedImage | None, language: str
) -> CompletionRequest:
    with told_in_the_language_of(texts):
        request = _validated(CardForm, texts)
        return _card(request, _photo_of(request, photo, PHOTO_FIELD), language)


def parse_match(body: bytes, language: str) -> CompletionRequest:
    value = parse_object(body)
    with told_in_the_language_of(value):
        request = validate(MatchRequest, value)
        return _match(request, _photo_of(request), language)


def parse_match_form(
    texts: Mapping[str, str], photo: EncodedImage | None, language: str
) -> CompletionRequest:
    with told_in_the_language_of(texts):
        request = _validated(MatchForm, texts)
        return _match(request, _photo_of(request, photo, PHOTO_FIELD), language)


def _validated(form: type[R], texts: Mapping[str, str]) -> R:
    """A form has no null: a field that is left empty is absent."""
    return validate(form, {name: text for name, text in texts.items() if text})


def _photo_of(
    request: PhotoRequest, file: EncodedImage | None = None, place: str = "image"
) -> Photo:
    given = request.image is not None or file is not None
    if request.image_id is not None:
        if given:
            raise InvalidField("image_id")
        return read_photo(request.image_id, "image_id", by_id=True)
    if request.image is not None:
        return read_photo(request.image, "image", by_id=False)
    if file is None:
        raise InvalidField(place, fault="missing")
    return Photo(place, file)


def _card(request: CardRequest, photo: Photo, language: str) -> CompletionRequest:
    wanted = request.language or language
    stream = bool(request.stream)
    return _typed(request, photo, CARD_QUESTIONS[wanted], wanted, stream=stream)


def _match(request: MatchRequest, photo: Photo, language: str) -> CompletionRequest:
    """Unless it says otherwise, it is asked in the language of its text: the score is to be the
    same whoever asks."""
    text = checked_text(request.text, "text", MAX_MATCH_CHARS)
    of_text = language_of(text)
    wanted = request.language or (language if of_text == "other" else of_text)
    return _typed(request, photo, text, wanted, question_field="text")


def _typed(
    request: PhotoRequest, photo: Photo, text: str, language: str, **more: Any
) -> CompletionRequest:
    return CompletionRequest(
        turns=(Turn("user", text),),
        image=photo.image,
        image_id=photo.image_id,
        image_url=photo.image_url,
        photo_field=photo.place,
        model=request.model,
        user=request.user,
        language=language,
        short=True,
        **more,
    )
