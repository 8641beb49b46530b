"""`make masking-eval`: how much of what is personal the masker finds in made-up texts, by kind, and
how often it takes what is not. The last line is `RESULT {json}`."""

import argparse
import json
import re
import unicodedata

from gateway.log.masking import masked
from tests.unit.log.benign_texts import benign_texts
from tests.unit.log.personal_texts import KINDS, Personal, personal_texts

POSITIVES = 400
BENIGN = 2_000
# So many characters of a number or name in a row, signs between them left out, are a leak.
LEAK = 5
_SIGNS = re.compile(r"[\W_]+")


def _bare(text: str) -> str:
    plain = "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Me", "Mn"))
    return _SIGNS.sub("", plain).casefold()


def leaks(personal: Personal, text: str) -> bool:
    """Whether `text` has a piece of the secret, with a digit, that nothing else around it has."""
    left, secret = _bare(text), _bare(personal.secret)
    carrier = _bare(personal.text.replace(personal.secret, "|"))
    pieces = (secret[at : at + LEAK] for at in range(len(secret) - LEAK + 1))
    return any(
        piece in left and any(map(_tells, piece)) and piece not in carrier for piece in pieces
    )


def _tells(char: str) -> bool:
    return char.isnumeric() or char == "○"


def recall(kind: str, seed: int = 1, count: int = POSITIVES) -> tuple[float, list[str]]:
    missed = [
        text.text for text in personal_texts(kind, count, seed) if leaks(text, masked(text.text))
    ]
    return 1 - len(missed) / count, missed


def false_alarms(seed: int = 1, count: int = BENIGN) -> tuple[float, list[str]]:
    wrong = [text for text in benign_texts(count, seed) if masked(text) != text]
    return len(wrong) / count, [f"{text}  →  {masked(text)}" for text in wrong]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="examples of mistakes")
    args = parser.parse_args()
    figures: dict[str, float] = {}
    print(f"recall, of {POSITIVES} made-up texts of each kind:")
    for kind in KINDS:
        figures[kind], missed = recall(kind, args.seed)
        print(f"{kind:>22} {figures[kind]:7.1%}")
        for text in missed[: args.show]:
            print(f"{'':>24}{text!r}")
    figures["false_alarms"], wrong = false_alarms(args.seed)
    print(f"false alarms, of {BENIGN} texts about goods: {figures['false_alarms']:.2%}")
    for text in wrong[: args.show]:
        print(f"{'':>24}{text!r}")
    print("RESULT " + json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
