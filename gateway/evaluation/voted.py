"""A set out of voted answers, as `shopsight export` finds them: whoever is asked the same again
should say much the same as what was liked, and not what was disliked. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract.text.language import language_of
from gateway.evaluation.claims import NEVER_SHOWN

# Of an example's `photo`: its line can be asked as its shopper asked it.
WHOLE = ("attached", "none asked about")


@dataclass
class _Answered:
    """One answer to one question about one photo, and the votes on it."""

    example: Mapping[str, Any]
    votes: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)

    @property
    def liked(self) -> bool | None:
        """None where as many are for it as against it."""
        up, down = self.votes["up"], self.votes["down"]
        return None if up == down else up > down


class VotedSet:
    """`left_out` says what became of votes that no line was made of, once `lines` is exhausted."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()

    def lines(self, examples: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """A line for each answer on which more voters agree than disagree, in the order of the
        first of its questions."""
        answered: dict[tuple[str, str, str], _Answered] = {}
        for example in examples:
            if example["photo"] not in WHOLE:
                self.left_out[f"left out: photo: {example['photo']}"] += 1
                continue
            photo, question, answer = _parts(example)
            found = answered.setdefault((photo, question, answer), _Answered(example))
            found.votes[example["vote"]] += 1
            if example["reason"]:
                found.reasons.append(example["reason"])
        for (photo, question, answer), each in answered.items():
            if each.liked is None:
                self.left_out["left out: voters disagree"] += each.votes.total()
            else:
                yield _line(photo, question, answer, each)


def _line(photo: str, question: str, answer: str, each: _Answered) -> dict[str, Any]:
    language = language_of(question)
    expected = {"like" if each.liked else "unlike": answer}
    if language != "other":
        expected["language"] = language
    return {
        "id": each.example["interaction_id"],
        **({"photo": photo} if photo else {}),
        "question": question,
        "expected": expected,
        "forbidden": list(NEVER_SHOWN),
        "note": {
            "votes": dict(each.votes),
            "reasons": each.reasons,
            "model_revision": each.example["model_revision"],
            "asked_at": each.example["asked_at"],
        },
    }


def _parts(example: Mapping[str, Any]) -> tuple[str, str, str]:
    asked, answered = example["messages"]
    texts = [part["text"] for part in asked["content"] if part["type"] == "text"]
    photos = [part["image_url"]["url"] for part in asked["content"] if part["type"] == "image_url"]
    return "".join(photos), "".join(texts), answered["content"]
