"""Parses numbers that were typed in the terminal. argparse shows what ArgumentTypeError says."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import TypeVar

N = TypeVar("N", int, float)


def between(low: N, high: N) -> Callable[[str], N]:
    """Numbers of the kind of `low`, both ends among them. NaN is none of them."""
    kind = type(low)

    def number(text: str) -> N:
        value = kind(text)
        if not low <= value <= high:
            raise ArgumentTypeError(f"{text} is not between {low:,} and {high:,}")
        return value

    return number
