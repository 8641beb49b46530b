"""`make intent-eval`: how often the classifier names a question's intent as a person would, on
questions of somebody who has seen neither rules nor training texts, and what it costs. The last
line is `RESULT {json}`."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from contract.text.language import language_of
from gateway.log.intents.intent import INTENTS, intent_of

HERE = Path(__file__).parent
# Of before the classifier: the rules of then were written with half of them.
FIRST_SET = HERE / "intents.tsv"
HELD_OUT = tuple(HERE / f"intents_held_out_{language}.tsv" for language in ("zh", "en"))
ROUNDS = 20

Pair = tuple[str, str]


def labelled(*paths: Path) -> list[Pair]:
    """Intent and question."""
    lines = [line for path in paths for line in path.read_text().splitlines()]
    cells = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(intent, question) for intent, question, *_ in cells]


def right(pairs: Iterable[Pair]) -> float:
    """Which share of them."""
    found = [intent_of(question) == intent for intent, question in pairs]
    return sum(found) / len(found)


def microseconds(pairs: list[Pair]) -> float:
    """Of CPU, a question. The first ones read the weights and tables."""
    for _, question in pairs:
        intent_of(question)
    began = time.process_time()
    for _ in range(ROUNDS):
        for _, question in pairs:
            intent_of(question)
    return (time.process_time() - began) / ROUNDS / len(pairs) * 1e6


def in_language(pairs: list[Pair], language: str) -> list[Pair]:
    return [pair for pair in pairs if (language_of(pair[1]) == "zh") == (language == "zh")]


def main() -> None:
    there = [path for path in HELD_OUT if path.exists()] or [FIRST_SET]
    pairs = labelled(*there)
    by_intent = {name: [pair for pair in pairs if pair[0] == name] for name in INTENTS}
    figures = {
        "sets": [path.name for path in there],
        "questions": len(pairs),
        "accuracy": round(right(pairs), 3),
        **{name: round(right(in_language(pairs, name)), 3) for name in ("zh", "en")},
        "by_intent": {name: round(right(some), 3) for name, some in by_intent.items() if some},
        "us_a_question": round(microseconds(pairs)),
    }
    taken = Counter((name, intent_of(question)) for name, question in pairs)
    for (intent, found), times in taken.most_common():
        if intent != found:
            print(f"{times:4} {intent} taken for {found}")
    if "--show" in sys.argv:
        for intent, question in pairs:
            if (found := intent_of(question)) != intent:
                print(f"{intent:>13} taken for {found:<13} {question}")
    print("RESULT " + json.dumps(figures))


if __name__ == "__main__":
    main()
