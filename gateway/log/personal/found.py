"""What the rules hand back, and the check digits that they look at. Pure."""

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple


class Found(NamedTuple):
    start: int
    end: int
    label: str


Findings = Iterator[Found]


def digits_of(text: str) -> list[int]:
    return [int(char) for char in text if char.isdigit()]


def is_round(text: str) -> bool:
    """Hundreds only: a list of prices or frequencies (500-800-1000, 3200 3600 4000 4400)."""
    return all(group.endswith("00") for group in re.findall(r"\d+", text))


def is_luhn(digits: list[int]) -> bool:
    """ISO/IEC 7812, of bank cards: one number in ten passes."""
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_upc(text: str) -> bool:
    """Whether it is a bar code of twelve digits on end."""
    if len(text) != 12 or not text.isdigit():
        return False
    weighted = [digit * (3, 1)[at % 2] for at, digit in enumerate(digits_of(text))]
    return sum(weighted) % 10 == 0


def is_iban(text: str) -> bool:
    """ISO 13616: the check digits, with letters as 10 to 35."""
    bare = "".join(text.split()).lower()
    return int("".join(str(int(char, 36)) for char in bare[4:] + bare[:4])) % 97 == 1


def is_series(numbers: list[int]) -> bool:
    """Whether each is greater than the one before by as much: sizes, or wavelengths."""
    steps = {later - earlier for earlier, later in itertools.pairwise(numbers)}
    return len(numbers) > 3 and len(steps) == 1
