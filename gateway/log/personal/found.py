"""What the rules hand back, and the check digits that they look at. Pure."""

from collections.abc import Iterator
from typing import NamedTuple


class Found(NamedTuple):
    start: int
    end: int
    label: str


Findings = Iterator[Found]


def digits_of(text: str) -> list[int]:
    return [int(char) for char in text if char.isdigit()]


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
