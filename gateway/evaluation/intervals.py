"""How sure a share of right answers is, and a difference of two models on the same questions.
Pure."""

from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95


def wilson(right: int, asked: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927; recommended for small numbers by Brown, Cai
    and DasGupta 2001). (0, 1) where nothing was asked."""
    if asked == 0:
        return 0.0, 1.0
    z = _z(confidence)
    share = right / asked
    middle = share + z * z / (2 * asked)
    half = z * sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked))
    whole = 1 + z * z / asked
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def mcnemar(better: int, worse: int) -> float:
    """McNemar's exact test, two-sided: how likely chance alone divides the questions on which two
    models differ at least so unevenly (McNemar 1947; the exact form is a sign test of the
    differing pairs, binomial with ½). 1 where they differ on none."""
    differing = better + worse
    tail = ways = 1  # of k = 0 lines among those that differ
    for k in range(1, min(better, worse) + 1):
        ways = ways * (differing - k + 1) // k
        tail += ways
    return min(1.0, 2 * tail / (1 << differing))


def paired_interval(
    better: int, worse: int, asked: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Of the difference of two shares on the same questions: Wald's interval with Laplace's
    adjustment (Bonett and Price 2012), one of two that Fagerland, Lydersen and Laake (2014)
    recommend for pairs. (-1, 1) where nothing was asked."""
    if asked == 0:
        return -1.0, 1.0
    gained, lost = (better + 1) / (asked + 2), (worse + 1) / (asked + 2)
    middle = gained - lost
    half = _z(confidence) * sqrt((gained + lost - middle * middle) / (asked + 2))
    return max(-1.0, middle - half), min(1.0, middle + half)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
