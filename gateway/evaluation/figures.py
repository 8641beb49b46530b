"""Figures of one evaluation: shares of right answers with their intervals, what has changed between
two revisions, times and tokens. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

from gateway.evaluation.answers import ModelAnswer
from gateway.evaluation.intervals import mcnemar, paired_interval, wilson
from gateway.evaluation.judging import ALL, Check, judge
from gateway.evaluation.lines import SetLine


@dataclass(frozen=True)
class TokenPrice:
    """Of a million tokens, in whatever currency."""

    read: float
    written: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.read + completion_tokens * self.written) / 1e6


@dataclass(frozen=True)
class RightShare:
    right: int
    asked: int

    @property
    def value(self) -> float:
        return self.right / self.asked

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.right, self.asked)


@dataclass(frozen=True)
class Change:
    """From the first revision to the second. `better` and `worse`: how many lines only the one or
    only the other has right."""

    better: int
    worse: int
    asked: int

    @property
    def difference(self) -> float:
        return (self.better - self.worse) / self.asked

    @property
    def interval(self) -> tuple[float, float]:
        return paired_interval(self.better, self.worse, self.asked)

    @property
    def chance(self) -> float:
        """The p-value of McNemar's exact test."""
        return mcnemar(self.better, self.worse)


@dataclass(frozen=True)
class Figure:
    """`shares`: one a revision. `change`: None for one revision alone. `worse_lines`: ids of those
    that only the first revision has right."""

    name: str
    shares: tuple[RightShare, ...]
    change: Change | None = None
    worse_lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A line with its answers and their checks, one of each a revision."""

    line: SetLine
    answers: tuple[ModelAnswer, ...]
    checks: tuple[tuple[Check, ...], ...]

    @classmethod
    def of(cls, line: SetLine, answers: Sequence[ModelAnswer]) -> "Judged":
        return cls(line, tuple(answers), tuple(judge(line, answer) for answer in answers))

    @property
    def right(self) -> tuple[bool, ...]:
        return tuple(all(check.right for check in checks) for checks in self.checks)

    @property
    def differs(self) -> bool:
        """Whether two revisions have not the same things right."""
        return len({tuple(check.right for check in checks) for checks in self.checks}) > 1


@dataclass(frozen=True)
class Effort:
    """What the answers of a revision took. Seconds are None where nobody measured them, `cost`
    where there is no price."""

    p50_s: float | None
    p95_s: float | None
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


def figures_of(judged: Sequence[Judged]) -> tuple[Figure, ...]:
    """Of all checks together first, then each in the order in which lines name them."""
    rights: dict[str, list[tuple[str, tuple[bool, ...]]]] = {ALL: []}
    for each in judged:
        rights[ALL].append((each.line.id, each.right))
        for checks in zip(*each.checks, strict=True):
            by_side = tuple(check.right for check in checks)
            rights.setdefault(checks[0].figure, []).append((each.line.id, by_side))
    return tuple(_figure(name, lines) for name, lines in rights.items())


def _figure(name: str, lines: Sequence[tuple[str, tuple[bool, ...]]]) -> Figure:
    sides = list(zip(*(right for _, right in lines), strict=True))
    shares = tuple(RightShare(sum(side), len(lines)) for side in sides)
    if len(sides) < 2:
        return Figure(name, shares)
    better = [each for each, (before, after) in lines if after and not before]
    worse = [each for each, (before, after) in lines if before and not after]
    return Figure(name, shares, Change(len(better), len(worse), len(lines)), tuple(worse))


def effort_of(answers: Iterable[ModelAnswer], price: TokenPrice | None) -> Effort:
    answers = list(answers)
    seconds = [each.seconds for each in answers if each.seconds is not None]
    read = sum(each.prompt_tokens for each in answers)
    written = sum(each.completion_tokens for each in answers)
    cost = None if price is None else price.of(read, written)
    return Effort(_percentile(seconds, 50), _percentile(seconds, 95), read, written, cost)


def _percentile(values: Sequence[float], percent: int) -> float | None:
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def measures(figures: Iterable[Figure], effort: Effort) -> Mapping[str, float]:
    """All that may be required of the last revision, by name."""
    told = {figure.name: figure.shares[-1].value for figure in figures}
    if effort.p50_s is not None and effort.p95_s is not None:
        told |= {"latency.p50": effort.p50_s, "latency.p95": effort.p95_s}
    if effort.cost is not None:
        told["cost"] = effort.cost
    return told
