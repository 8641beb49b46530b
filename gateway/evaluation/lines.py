"""A set: a question a line, with what is expected of its answer, as JSON. Pure but for `read_set`,
which reads the file."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gateway.evaluation.claiming.rules import ClaimName

TaskName = Literal["ask", "card", "match"]
LanguageName = Literal["zh", "en"]
CardField = Literal[
    "category",
    "materials",
    "style",
    "audience",
    "colours",
    "occasions",
    "visible_text",
    "not_visible",
]
Phrase = Annotated[str, Field(min_length=1)]


class BadSet(Exception):
    """The message names the file, the line and what is wrong there."""


class _SetForm(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Accepted(_SetForm):
    """Of an answer these are phrases in it, of a card's field its values. Every condition that is
    given must hold."""

    any_of: Annotated[tuple[Phrase, ...], Field(alias="any")] = ()
    """At least one."""
    all_of: Annotated[tuple[Phrase | tuple[Phrase, ...], ...], Field(alias="all")] = ()
    """Each; of a list one of it, which are ways to put the same thing."""
    none_of: Annotated[tuple[Phrase, ...], Field(alias="none")] = ()
    regex: Annotated[str, Field(min_length=1)] | None = None
    """Python's, without case: found anywhere in the answer, or in one of the values."""

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"it is no regular expression: {error}") from None
        return value


Values = Phrase | tuple[Phrase, ...] | Accepted


class Expected(_SetForm):
    answer: Values | None = None
    """Of a text or a list: at least one of them is in the answer."""
    language: LanguageName | None = None
    like: Phrase | None = None
    """An answer that was good."""
    unlike: Phrase | None = None
    """An answer that was bad: the same again is wrong."""
    card: dict[CardField, Values | None] = {}
    """Of a text or a list: the field tells at least one of them, and nothing else. Null or an empty
    list: the field tells nothing."""
    match: bool | None = None


class Forbidden(_SetForm):
    claims: tuple[ClaimName, ...] = ()
    phrases: tuple[Phrase, ...] = ()


class SetLine(_SetForm):
    """`photo`: a file beside the set, a data URI, or the id of an upload; several where a question
    is about several."""

    id: Phrase
    photo: Phrase | tuple[Phrase, ...] | None = None
    task: TaskName
    question: Phrase | None = None
    text: Phrase | None = None
    """To match the photo with."""
    language: LanguageName | None = None
    """In which a card or a match is asked for."""
    expected: Expected = Expected()
    forbidden: Forbidden = Forbidden()
    note: Any = None
    """For people; nobody reads it."""

    @property
    def photos(self) -> tuple[str, ...]:
        return (self.photo,) if isinstance(self.photo, str) else self.photo or ()

    @property
    def asked(self) -> str:
        """The question or the text, as a person reads it."""
        return self.question or self.text or ""

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, value: Any) -> Any:
        """The task follows from what is there, and a plain list of forbidden claims is enough."""
        if not isinstance(value, dict):
            return value
        value = dict(value)
        if "task" not in value:
            value["task"] = "ask" if value.get("question") else _product_task(value)
        if isinstance(value.get("forbidden"), list):
            value["forbidden"] = {"claims": value["forbidden"]}
        return value

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        wanted, told = self.expected, {"ask": "question", "match": "text"}.get(self.task)
        for name in ("question", "text"):
            if (getattr(self, name) is not None) != (name == told):
                raise ValueError(
                    f"the task {self.task} {'needs' if name == told else 'has no'} {name}"
                )
        if self.task != "ask" and len(self.photos) != 1:
            raise ValueError(f"the task {self.task} is about one photo")
        if self.task == "ask" and self.language:
            raise ValueError("a question is asked in its own language; see expected.language")
        elsewhere = {
            "ask": (wanted.card, wanted.match is not None),
            "card": (wanted.answer, wanted.like, wanted.unlike, wanted.match is not None),
            "match": (wanted.answer, wanted.like, wanted.unlike, wanted.card, wanted.language),
        }[self.task]
        if any(elsewhere):
            raise ValueError(f"something is expected that the task {self.task} does not tell")
        if self.task == "match" and (wanted.match is None or self.forbidden != Forbidden()):
            raise ValueError("of a match, expected.match is wanted, and nothing is forbidden")
        if wanted == Expected() and self.forbidden == Forbidden():
            raise ValueError("nothing is expected and nothing is forbidden")
        return self


def _product_task(value: dict[str, Any]) -> str:
    return "match" if value.get("text") else "card"


class _Gate(_SetForm):
    """A line of a set that holds no question."""

    require: tuple[str, ...]


@dataclass(frozen=True)
class QuestionSet:
    """`require`: what the set itself asks of its figures."""

    file: Path
    lines: tuple[SetLine, ...]
    require: tuple[str, ...] = ()


def read_set(file: Path) -> QuestionSet:
    """Raises BadSet and OSError."""
    lines: list[SetLine] = []
    require: list[str] = []
    try:
        texts = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise BadSet(f"{file} is not in UTF-8.") from None
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
            if isinstance(value, dict) and "require" in value:
                require += _Gate.model_validate(value).require
            else:
                named = {"id": f"line {number}", **value} if isinstance(value, dict) else value
                lines.append(SetLine.model_validate(named))
        except ValidationError as error:
            raise BadSet(f"{file}, line {number}: {_reason(error)}") from None
        except (ValueError, RecursionError):
            raise BadSet(f"{file}, line {number}: it is no JSON.") from None
    if not lines:
        raise BadSet(f"{file} has no questions.")
    (name, count), *_ = Counter(line.id for line in lines).most_common(1)
    if count > 1:
        raise BadSet(f"{file}: {count} lines have the id {name!r}.")
    return QuestionSet(file, tuple(lines), tuple(require))


def _reason(error: ValidationError) -> str:
    # Where several forms are taken, that one which the line comes closest to.
    closest = max(error.errors(include_url=False), key=lambda each: len(each["loc"]))
    names = [str(part) for part in closest["loc"]]
    place = ".".join(name for name in names if name.isidentifier() and name != Accepted.__name__)
    said = closest["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said
