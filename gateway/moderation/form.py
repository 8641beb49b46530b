"""OpenAI's form of `POST /v1/moderations`: what is asked and what is answered. Pure.

Its categories are OpenAI's where we have one (`sexual`, `harassment` for abuse, `illicit` for what
is illegal, `self-harm`), and `advert`. Those that we do not judge are false, score 0, and name no
type of input.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from contract.errors import InvalidField
from contract.forms import Wire
from contract.images import EncodedImage, parse_image_text
from contract.json_body import parse_object
from contract.request import told_in_the_language_of, validate
from contract.turns import checked_text
from gateway.moderation.verdict import CATEGORIES, Category, Verdict

MAX_INPUTS = 32
# As long as all turns of a conversation together.
MAX_TEXT_CHARS = 12_000
NAMES: Mapping[Category, str] = {
    "sexual": "sexual",
    "abuse": "harassment",
    "illegal": "illicit",
    "advert": "advert",
    "self_harm": "self-harm",
}
NOT_JUDGED = (
    *("harassment/threatening", "hate", "hate/threatening", "illicit/violent"),
    *("self-harm/instructions", "self-harm/intent", "sexual/minors", "violence"),
    "violence/graphic",
)


@dataclass(frozen=True)
class ModerationInput:
    texts: tuple[str, ...] = ()
    photo: EncodedImage | None = None


class ModeratedPhoto(Wire):
    url: str


class ModeratedPart(Wire):
    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ModeratedPhoto | None = None


_INPUTS = Field(min_length=1, max_length=MAX_INPUTS)


def _kind(value: Any) -> str:
    """A list is one of texts or of parts by its first item."""
    if not isinstance(value, list):
        return "<text>"
    return "<parts>" if value and isinstance(value[0], dict) else "<texts>"


class ModerationForm(Wire):
    input: Annotated[
        Annotated[str, Tag("<text>")]
        | Annotated[list[str], _INPUTS, Tag("<texts>")]
        | Annotated[list[ModeratedPart], _INPUTS, Tag("<parts>")],
        Discriminator(_kind),
    ]
    model: Annotated[str, Field(max_length=128)] | None = None


def parse_moderation(body: bytes) -> list[ModerationInput]:
    """One input for each text of a list; parts together are one. Raises InvalidField, and the
    errors of JSON, texts and photos."""
    value = parse_object(body)
    with told_in_the_language_of(value):
        return _inputs(validate(ModerationForm, value))


def _inputs(form: ModerationForm) -> list[ModerationInput]:
    if isinstance(form.input, str):
        return [ModerationInput((_text(form.input, "input"),))]
    inputs: list[ModerationInput] = []
    texts: list[str] = []
    photo: EncodedImage | None = None
    parts: Sequence[str | ModeratedPart] = form.input
    for number, part in enumerate(parts):
        place = f"input.{number}"
        if isinstance(part, str):
            inputs.append(ModerationInput((_text(part, place),)))
        elif part.type == "text" and part.text is not None:
            texts.append(_text(part.text, place))
        elif part.type == "image_url" and part.image_url is not None and photo is None:
            photo = parse_image_text(part.image_url.url, f"{place}.image_url.url")
        else:
            raise InvalidField(place)
    return inputs or [ModerationInput(tuple(texts), photo)]


def wire(text: Verdict | None, photo: Verdict | None, flagged: bool) -> dict[str, Any]:
    """One of OpenAI's `results`."""
    scores: dict[str, float] = dict.fromkeys((*NAMES.values(), *NOT_JUDGED), 0.0)
    found = dict.fromkeys(scores, False)
    types: dict[str, list[str]] = {name: [] for name in scores}
    for kind, verdict in (("text", text), ("image", photo)):
        if verdict is None:
            continue
        for category in CATEGORIES:
            name = NAMES[category]
            types[name].append(kind)
            scores[name] = max(scores[name], round(dict(verdict.scores).get(category, 0.0), 4))
        if verdict.category is not None:
            found[NAMES[verdict.category]] = True
    return {
        "flagged": flagged,
        "categories": found,
        "category_scores": scores,
        "category_applied_input_types": types,
    }


def _text(text: str, place: str) -> str:
    return checked_text(text, place, MAX_TEXT_CHARS)
