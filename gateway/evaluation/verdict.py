"""Whether a revision may go to shoppers: what was required of its figures, and by how much it may
be worse than the one before. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.evaluation.figures import Figure

_REQUIREMENT = re.compile(r"\s*([a-z_.0-9]+)\s*(>=|<=)\s*([0-9.]+)\s*")
# A share of 18 in 20 is 0.9 for everybody but a computer.
EPSILON = 1e-9


class UnknownFigure(Exception):
    """The message names it, and those that there are."""


@dataclass(frozen=True)
class Requirement:
    figure: str
    at_least: bool
    bound: float

    @classmethod
    def parse(cls, text: str) -> "Requirement":
        """`card.colours>=0.9` or `latency.p95<=2`. Raises ValueError. argparse shows the name."""
        found = _REQUIREMENT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no requirement; one is: answer>=0.9")
        return cls(found[1], found[2] == ">=", float(found[3]))

    def holds(self, value: float) -> bool:
        if self.at_least:
            return value >= self.bound - EPSILON
        return value <= self.bound + EPSILON

    def __str__(self) -> str:
        return f"{self.figure} {'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True)
class Missed:
    """A requirement that does not hold, and what the figure is instead."""

    requirement: Requirement
    value: float


@dataclass(frozen=True)
class Worse:
    """A figure that has become worse by more than the tolerance."""

    figure: Figure
    tolerance: float


Failure = Missed | Worse


def failures_of(
    told: Mapping[str, float],
    figures: Iterable[Figure],
    required: Sequence[Requirement],
    tolerance: float | None,
) -> tuple[Failure, ...]:
    """`tolerance`: None where two revisions are only shown. Raises UnknownFigure."""
    missed = []
    for each in required:
        if each.figure not in told:
            known = ", ".join(told)
            raise UnknownFigure(f"No line of the set has {each.figure}. There are: {known}.")
        if not each.holds(told[each.figure]):
            missed.append(Missed(each, told[each.figure]))
    worse = [
        Worse(figure, tolerance)
        for figure in figures
        if tolerance is not None
        and figure.change is not None
        and figure.change.difference < -tolerance - EPSILON
    ]
    return (*missed, *worse)
