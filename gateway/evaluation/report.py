"""What an evaluation has found, as one object, and as JSON for programs. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.evaluation.figures import (
    Effort,
    Figure,
    Judged,
    TokenPrice,
    effort_of,
    figures_of,
    measures,
)
from gateway.evaluation.verdict import Failure, Missed, Requirement, failures_of


@dataclass(frozen=True)
class Report:
    """`names`: of the revisions, the older one first. `tolerance`: by how much a share may fall;
    None where there is one revision."""

    title: str
    names: tuple[str, ...]
    made_at: datetime
    judged: tuple[Judged, ...]
    figures: tuple[Figure, ...]
    efforts: tuple[Effort, ...]
    required: tuple[Requirement, ...]
    tolerance: float | None
    failures: tuple[Failure, ...]

    @classmethod
    def of(
        cls,
        title: str,
        names: Sequence[str],
        judged: Sequence[Judged],
        *,
        made_at: datetime,
        required: Sequence[Requirement] = (),
        tolerance: float | None = None,
        prices: Sequence[TokenPrice | None] = (),
    ) -> "Report":
        """`prices`: one a revision, or none. Raises UnknownFigure."""
        figures = figures_of(judged)
        prices = prices or [None] * len(names)
        efforts = tuple(
            effort_of((each.answers[side] for each in judged), price)
            for side, price in enumerate(prices)
        )
        tolerance = tolerance if len(names) > 1 else None
        failures = failures_of(measures(figures, efforts[-1]), figures, required, tolerance)
        return cls(
            *(title, tuple(names), made_at, tuple(judged), figures, efforts, tuple(required)),
            tolerance,
            failures,
        )

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def letters(self) -> tuple[str, ...]:
        """Short names of the revisions."""
        return ("A", "B")[: len(self.names)]

    @property
    def disagreements(self) -> list[Judged]:
        return [each for each in self.judged if each.differs]

    @property
    def wrong_alike(self) -> list[Judged]:
        """Lines that no revision has wholly right, and where they do not differ."""
        return [each for each in self.judged if not each.differs and not all(each.right)]

    def as_json(self) -> dict[str, Any]:
        return {
            "set": self.title,
            "made_at": self.made_at.isoformat(timespec="seconds"),
            "passed": self.passed,
            "revisions": list(self.names),
            "lines": len(self.judged),
            "figures": {figure.name: _figure(figure) for figure in self.figures},
            "efforts": [_effort(each) for each in self.efforts],
            "required": [str(each) for each in self.required],
            "no_worse_than": self.tolerance,
            "failures": [_failure(each) for each in self.failures],
            "results": [_judged(each) for each in self.judged],
        }


def _figure(figure: Figure) -> dict[str, Any]:
    told: dict[str, Any] = {
        "asked": figure.shares[0].asked,
        "right": [share.right for share in figure.shares],
        "share": [round(share.value, 4) for share in figure.shares],
        "interval": [_rounded(share.interval) for share in figure.shares],
    }
    if figure.change is not None:
        change = figure.change
        told["change"] = {
            "difference": round(change.difference, 4),
            "interval": _rounded(change.interval),
            "better": change.better,
            "worse": change.worse,
            "p": round(change.chance, 4),
            "worse_lines": list(figure.worse_lines),
        }
    return told


def _effort(effort: Effort) -> dict[str, Any]:
    return {
        "p50_s": None if effort.p50_s is None else round(effort.p50_s, 4),
        "p95_s": None if effort.p95_s is None else round(effort.p95_s, 4),
        "prompt_tokens": effort.prompt_tokens,
        "completion_tokens": effort.completion_tokens,
        "cost": effort.cost,
    }


def _failure(failure: Failure) -> Mapping[str, Any]:
    if isinstance(failure, Missed):
        return {"required": str(failure.requirement), "value": round(failure.value, 4)}
    return {"worse": failure.figure.name, "by_more_than": failure.tolerance}


def _judged(each: Judged) -> dict[str, Any]:
    return {
        "id": each.line.id,
        "task": each.line.task,
        "asked": each.line.asked,
        "answers": [answer.kept() for answer in each.answers],
        "wrong": [
            {check.figure: check.got for check in checks if not check.right}
            for checks in each.checks
        ],
    }


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [round(end, 4) for end in interval]
