"""A stored answer's key → what was asked. Only the photos' bytes are not in it. Pure."""

import ast
from collections.abc import Iterator
from typing import Any, cast

import orjson

from contract.completion import CompletionRequest, FurtherPhoto, Sampling, Turn
from gateway.cache.key import AnswerKey, answer_key


def stored_key(value: bytes, digest: str) -> AnswerKey | None:
    """The key in a stored value; None unless it is a valid one with this digest."""
    try:
        parts: list[str] = orjson.loads(value)["key"]
        rest = iter(parts)
        key = AnswerKey(
            namespace=next(rest),
            revision=next(rest),
            prompt_version=next(rest),
            image=next(rest),
            question=next(rest),
            earlier_turns=_pairs(rest),
            sampling=_texts(rest),
            attempt=int(next(rest)),
            photos=_pairs(rest, optional=True),
        )
    except (ValueError, LookupError, TypeError, StopIteration, AttributeError):
        return None
    return key if key.parts == parts and key.digest == digest else None


def asked_by(key: AnswerKey) -> CompletionRequest | None:
    """The canonical question, without the bytes of its photos; None if no key like this one would
    come of it, as of one that another version has stored."""
    try:
        turns = tuple(Turn(cast(Any, role), text) for role, text in key.earlier_turns)
        named = (item.partition("=") for item in key.sampling)
        sampling = Sampling(**{name: ast.literal_eval(value) for name, _, value in named})
        shown = [int(turn) for turn, _ in key.photos]
    except (ValueError, SyntaxError, TypeError):
        return None
    asked = CompletionRequest(
        turns=(*turns, Turn("user", key.question)),
        image=None,
        sampling=sampling,
        photo_turn=shown[0] if shown else 0,
        further=tuple(FurtherPhoto(turn) for turn in shown[1:]),
        photo_field="image" if key.image else None,
    )
    again = answer_key(
        asked, key.image, key.revision, key.namespace, key.prompt_version, key.images[1:]
    )
    return asked if again == key.at(key.revision) else None


def _texts(rest: Iterator[str]) -> tuple[str, ...]:
    return tuple(next(rest) for _ in range(_count(next(rest))))


def _pairs(rest: Iterator[str], *, optional: bool = False) -> tuple[tuple[str, str], ...]:
    first = next(rest, None)
    if first is None and optional:
        return ()
    pairs = []
    for _ in range(_count(first or "")):
        one, other = _texts(rest)
        pairs.append((one, other))
    return tuple(pairs)


def _count(text: str) -> int:
    """Raises ValueError."""
    if not text.startswith("("):
        raise ValueError(text)
    return int(text[1:])
