"""Answers that were given, in a file of a line each: a run that was stopped goes on with them."""

import hashlib
import json
from pathlib import Path

from gateway.evaluation.answers import ModelAnswer
from gateway.evaluation.lines import SetLine
from gateway.evaluation.photos import SetPhoto


def key_of(line: SetLine, photos: tuple[SetPhoto, ...], place: str, revision: str) -> str:
    """Of everything that an answer depends on. What is expected of it is no part of that: it may be
    changed, and the answers judged again. `place`: the address that was asked."""
    digests = [photo.digest for photo in photos]
    parts = [line.task, line.asked, line.language, digests, place, revision]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class KeptAnswers:
    """By key. For one thread."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._answers: dict[str, ModelAnswer] = {}
        for text in file.read_text(encoding="utf-8").split("\n") if file.exists() else ():
            try:
                value = json.loads(text)
                key = value.pop("key")
                self._answers[key] = ModelAnswer.of_kept(value)
            except (ValueError, LookupError, TypeError, AttributeError):
                continue  # the last one of a run that was killed

    def get(self, key: str) -> ModelAnswer | None:
        return self._answers.get(key)

    def add(self, key: str, answer: ModelAnswer) -> None:
        self._answers[key] = answer
        with self.file.open("a", encoding="utf-8") as out:
            # On a line of its own, whatever a run that was killed has left. ASCII: an answer may
            # hold half of a character.
            out.write("\n" + json.dumps({"key": key, **answer.kept()}))

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)
        self._answers.clear()
