"""The key of a question in the answer cache: only equal keys may share an answer. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache

from contract.completion import CompletionRequest
from gateway.prompt import PROMPT_VERSION


@dataclass(frozen=True)
class AnswerKey:
    """Everything that an answer depends on. `digest` names it in Redis."""

    namespace: str
    revision: str
    prompt_version: str
    image: str
    question: str
    earlier_turns: tuple[tuple[str, str], ...]
    sampling: tuple[str, ...]
    attempt: int = 0
    """How often the answer to this question was voted down and has to be recomputed."""
    photos: tuple[tuple[str, str], ...] = ()
    """Where there are several: all of them, each with the user's turn that shows it. `image` is the
    first."""

    @property
    def images(self) -> list[str]:
        """The digests of all photos, in order."""
        return [digest for _, digest in self.photos] or [self.image]

    def at(self, revision: str) -> "AnswerKey":
        """The same question's at a revision, where nobody has voted its answer down."""
        return replace(self, revision=revision, attempt=0)

    @cached_property
    def parts(self) -> list[str]:
        """The fields as one flat list. Each tuple is preceded by its length. The keys of questions
        about one photo are as they were before there could be more."""
        named = [item.name for item in fields(self) if item.name != "photos" or self.photos]
        return [part for name in named for part in _flat(getattr(self, name))]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over length-prefixed fields: ("ab","c") and ("a","bc") differ. The digest of a
        later attempt is derived from that of attempt 0, so a digest alone is enough to find it."""
        if self.attempt:
            return digest_of_attempt(replace(self, attempt=0).digest, self.attempt)
        hasher = hashlib.sha256()
        for part in self.parts:
            data = part.encode()
            hasher.update(f"{len(data)}:".encode() + data)
        return hasher.hexdigest()


def answer_key(
    asked: CompletionRequest,
    image: str,
    revision: str,
    namespace: str,
    prompt_version: str = PROMPT_VERSION,
    further: Sequence[str] = (),
) -> AnswerKey:
    """`asked` in its canonical form, as the model is asked: the key names exactly that. `image` is
    the digest of the first photo's pixels, empty when there is none; `further` are the others'."""
    photos: tuple[tuple[str, str], ...] = ()
    if further:
        turns = (asked.photo_turn, *(photo.user_turn for photo in asked.further))
        digests = (image, *further)
        photos = tuple((str(turn), name) for turn, name in zip(turns, digests, strict=True))
    return AnswerKey(
        namespace=namespace,
        revision=revision,
        prompt_version=prompt_version,
        image=image,
        question=asked.question,
        earlier_turns=tuple((turn.role, turn.text) for turn in asked.turns[:-1]),
        sampling=_one_object(
            tuple(f"{name}={value!r}" for name, value in vars(asked.sampling).items())
        ),
        photos=photos,
    )


def digest_of_attempt(first: str, attempt: int) -> str:
    """The digest of a question's later attempt; `first` is that of attempt 0."""
    return hashlib.sha256(f"{first}:{attempt}".encode()).hexdigest() if attempt else first


@lru_cache(maxsize=256)  # nearly all questions ask for the same: 0.8 KB for each remembered one
def _one_object(sampling: tuple[str, ...]) -> tuple[str, ...]:
    return sampling


def _flat(value: object) -> list[str]:
    if isinstance(value, tuple):
        parts = [part for item in value for part in _flat(item)]
        return [f"({len(value)}", *parts]
    return [str(value)]
