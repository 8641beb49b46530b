"""Whether match scores mean something: the area under the ROC curve, and the calibration error."""

from collections.abc import Sequence
from dataclasses import dataclass

BINS = 10


@dataclass(frozen=True)
class Scored:
    """A match score (None: neither yes nor no was likely), and whether the claim is true."""

    score: float | None
    true: bool


def area_under_curve(scored: Sequence[Scored]) -> float:
    """The share of pairs of a true and a false claim in which the true one has the higher score
    (ties count half): Mann and Whitney's U over the number of pairs. A missing score is 0.5."""
    ranked = sorted((0.5 if one.score is None else one.score, one.true) for one in scored)
    positives = sum(true for _, true in ranked)
    negatives = len(ranked) - positives
    if not positives or not negatives:
        return 0.0
    total, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        rank = (at + 1 + end) / 2  # the mean of equal ones
        total += rank * sum(true for _, true in ranked[at:end])
        at = end
    return (total - positives * (positives + 1) / 2) / (positives * negatives)


def calibration_error(scored: Sequence[Scored]) -> float:
    """Expected calibration error of Guo et al. (2017) over ten equal bins: the mean gap between
    the score and the share of true claims, weighted by how many claims are in the bin."""
    bins: list[list[Scored]] = [[] for _ in range(BINS)]
    for one in scored:
        score = 0.5 if one.score is None else one.score
        bins[min(BINS - 1, int(score * BINS))].append(one)
    gaps = 0.0
    for group in bins:
        scores = [0.5 if one.score is None else one.score for one in group]
        gaps += abs(sum(scores) - sum(one.true for one in group))
    return gaps / max(1, len(scored))
