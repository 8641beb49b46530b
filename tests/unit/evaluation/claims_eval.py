"""`make claims-eval`: how many of the claims in answers are found, and how many of those found are
there, on answers of somebody who has seen neither the rules nor the texts that they were written
with. The last line is `RESULT {json}`. `--show` prints what is wrong with development texts: those
that are held out are not to be read by who works on the rules."""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from gateway.evaluation.claims import CLAIMS, claims_in

HERE = Path(__file__).parent
HELD_OUT = HERE / "claims_held_out.tsv"
DEVELOPMENT = HERE / "claims_development.tsv"
ROUNDS = 5
DIGITS = 3


class Labelled(NamedTuple):
    claims: frozenset[str]
    answer: str


class Figures(NamedTuple):
    """Of claims, over answers. `exact`: of answers, how many have all of theirs and no other."""

    recall: float
    precision: float
    exact: float
    by_claim: dict[str, tuple[float, float]]
    """Recall and precision."""


def labelled(path: Path) -> list[Labelled]:
    found = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            labels, answer = line.split("\t")
            names = frozenset(name.strip() for name in labels.split(","))
            found.append(Labelled(names - {"none"}, answer))
    return found


def figures(answers: list[Labelled]) -> Figures:
    right: Counter[str] = Counter()
    found: Counter[str] = Counter()
    made: Counter[str] = Counter()
    exact = 0
    for claims, answer in answers:
        told = frozenset[str](claims_in(answer))
        right.update(told & claims)
        found.update(told)
        made.update(claims)
        exact += told == claims
    return Figures(
        round(right.total() / made.total(), DIGITS),
        round(right.total() / found.total(), DIGITS),
        round(exact / len(answers), DIGITS),
        {
            name: (
                round(right[name] / made[name], DIGITS),
                round(right[name] / max(found[name], 1), DIGITS),
            )
            for name in CLAIMS
        },
    )


def microseconds(answers: list[Labelled]) -> float:
    """Of CPU, an answer. The first one reads the tables."""
    claims_in("。")
    claims_in("a")
    began = time.process_time()
    for _ in range(ROUNDS):
        for _, answer in answers:
            claims_in(answer)
    return (time.process_time() - began) / ROUNDS / len(answers) * 1e6


def main() -> None:
    if "--show" in sys.argv:
        for claims, answer in labelled(DEVELOPMENT):
            if (told := frozenset[str](claims_in(answer))) != claims:
                print(f"missed {sorted(claims - told)}, too many {sorted(told - claims)}: {answer}")
    for path in (DEVELOPMENT, HELD_OUT):
        answers = labelled(path)
        result = {
            "set": path.name,
            "answers": len(answers),
            **figures(answers)._asdict(),
            "us_an_answer": round(microseconds(answers)),
        }
        print(("RESULT " if path == HELD_OUT else "") + json.dumps(result))


if __name__ == "__main__":
    main()
