"""How sure a share is, and a difference: against published values and against counting by hand."""

import random

import pytest

from gateway.evaluation.intervals import mcnemar, paired_interval, wilson


@pytest.mark.parametrize(
    ("right", "asked", "expected"),
    [
        (8, 10, (0.4902, 0.9433)),
        (0, 20, (0.0, 0.1611)),
        (20, 20, (0.8389, 1.0)),
        (81, 263, (0.2553, 0.3662)),  # Newcombe 1998, table I
        (0, 0, (0.0, 1.0)),
    ],
)
def test_wilson_s_interval(right: int, asked: int, expected: tuple[float, float]) -> None:
    assert wilson(right, asked) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("better", "worse", "expected"),
    [(0, 0, 1.0), (0, 5, 0.0625), (10, 2, 0.03857), (3, 3, 1.0), (1, 7, 0.0703)],
)
def test_mcnemar_s_exact_test(better: int, worse: int, expected: float) -> None:
    assert mcnemar(better, worse) == pytest.approx(expected, abs=5e-5)
    assert mcnemar(worse, better) == mcnemar(better, worse)


def test_a_large_set_is_no_trouble() -> None:
    assert mcnemar(30_000, 29_000) == pytest.approx(3.9e-5, rel=0.1)


def test_the_interval_of_a_difference() -> None:
    # 21 children, one of whom only the first has, and seven only the second (Fagerland 2014).
    assert paired_interval(1, 7, 21) == pytest.approx((-0.508, -0.013), abs=5e-4)
    low, high = paired_interval(0, 0, 50)
    assert low == -high
    assert paired_interval(0, 0, 0) == (-1.0, 1.0)


def test_both_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """900 sets of 60 questions from a model pair that is known."""
    rng = random.Random(7)
    share_held = change_held = 0
    for _ in range(900):
        before = [rng.random() < 0.8 for _ in range(60)]
        # Of what the older one has right the newer loses a tenth, and it gains three tenths.
        after = [rng.random() < (0.9 if each else 0.3) for each in before]
        low, high = wilson(sum(before), 60)
        share_held += low <= 0.8 <= high
        better = sum(new and not old for old, new in zip(before, after, strict=True))
        worse = sum(old and not new for old, new in zip(before, after, strict=True))
        low, high = paired_interval(better, worse, 60)
        change_held += low <= 0.2 * 0.3 - 0.8 * 0.1 <= high
    assert 0.93 <= share_held / 900 <= 0.985
    assert 0.93 <= change_held / 900 <= 0.985
