"""Canaries are rolled back for what is worse than at their baseline, and seldom by mistake."""

import itertools
import math

import pytest

from gateway.canary.evidence import ODDS, Counts, Evidence
from gateway.canary.verdict import FALSE_ROLLBACKS, Block, Trial
from loadtest.bench.canary import ERRORS, Rates, judged, share_rolled_back


@pytest.mark.parametrize("apart", [False, True])
def test_the_mean_of_what_one_block_wins_is_at_most_one(apart: bool) -> None:
    """Reckoned over every outcome, not simulated: what makes it valid at any look."""
    for rate, (requests, canaries) in itertools.product((0.01, 0.1, 0.5, 0.9), ((5, 1), (3, 3))):
        mean = 0.0
        for bad, worse in itertools.product(range(requests + 1), range(canaries + 1)):
            evidence = Evidence()
            evidence.add(Counts(50, 5), Counts(0, 0))  # so that there is a rate to compare with
            if apart:  # as in a shop with few customers: one side, then the other
                evidence.add(Counts(requests, bad), Counts(0, 0))
                evidence.add(Counts(0, 0), Counts(canaries, worse))
            else:
                evidence.add(Counts(requests, bad), Counts(canaries, worse))
            assert evidence.value != 1
            mean += chance(requests, bad, rate) * chance(canaries, worse, rate) * evidence.value
        assert mean <= 1 + 1e-9
        assert mean > 0.2


def chance(total: int, bad: int, rate: float) -> float:
    return math.comb(total, bad) * rate**bad * (1 - rate) ** (total - bad)


def test_a_block_is_judged_by_what_came_before_it() -> None:
    """A rate that is reckoned out of the same block would be as good as looking at the answer."""
    alone = Evidence()
    alone.add(Counts(10, 1), Counts(0, 0))
    alone.add(Counts(10, 9), Counts(10, 5))
    rate, won = 1.5 / 11, []
    for odds in ODDS:
        worse = odds * rate / (1 - rate + odds * rate)
        alike = (rate + worse) / 2  # of as many requests at both
        won.append((rate / alike) ** 9 * ((1 - rate) / (1 - alike)))
        won[-1] *= (worse / alike) ** 5 * ((1 - worse) / (1 - alike)) ** 5
    assert alone.value == pytest.approx(sum(won) / len(won))


def test_three_signs_share_what_may_be_wrong() -> None:
    """Each may be wrong in a third of FALSE_ROLLBACKS, so that all together keep to it."""
    assert Trial().add(block(180), block(20)).limit == pytest.approx(3 / FALSE_ROLLBACKS)


def test_evidence_grows_with_what_is_worse_and_shrinks_with_what_is_alike() -> None:
    worse, alike = Evidence(), Evidence()
    for _ in range(50):
        worse.add(Counts(180, 4), Counts(20, 2))
        alike.add(Counts(200, 4), Counts(50, 1))
    assert worse.value > 1000
    assert alike.value < 1


@pytest.mark.parametrize("baseline", [Counts(0, 0), Counts(100, 0)])
def test_a_side_without_requests_is_no_evidence(baseline: Counts) -> None:
    evidence = Evidence()
    evidence.add(Counts(100, 5), Counts(0, 0))
    for _ in range(10):
        evidence.add(baseline, Counts(0, 0))
    assert evidence.value == pytest.approx(1)


def test_what_one_side_has_waits_for_the_other_and_is_compared_then() -> None:
    whole, parts = Evidence(), Evidence()
    for evidence in (whole, parts):
        evidence.add(Counts(50, 5), Counts(0, 0))
    whole.add(Counts(13, 2), Counts(3, 2))
    parts.add(Counts(0, 0), Counts(2, 1))
    parts.add(Counts(0, 0), Counts(1, 1))
    assert (parts.value, parts.compared) == (pytest.approx(1), 0)
    parts.add(Counts(13, 2), Counts(0, 0))
    assert (parts.value, parts.compared) == (whole.value, 3)


def test_a_baseline_without_any_error_does_not_break_it() -> None:
    evidence = Evidence()
    for _ in range(2000):
        evidence.add(Counts(180, 0), Counts(20, 20))
    assert evidence.value > 1e6
    assert math.isfinite(evidence.value)


def block(requests: int, bad: int = 0, slow: int = 0, down: int = 0) -> Block:
    return Block(Counts(requests, bad), Counts(requests, slow), Counts(requests, down))


@pytest.mark.parametrize(
    ("canary", "why"),
    [
        (block(20, bad=4), "errors"),
        (block(20, slow=4), "slow"),
        (block(20, down=4), "thumbs"),
    ],
)
def test_each_sign_rolls_back_and_is_named(canary: Block, why: str) -> None:
    trial = Trial()
    verdicts = [trial.add(block(180, 2, 2, 2), canary) for _ in range(60)]
    assert verdicts[0].decision == "undecided"
    assert (verdicts[-1].decision, verdicts[-1].why) == ("rollback", why)
    back = next(each for each in verdicts if each.decision == "rollback")
    assert back.evidence[back.why or "errors"] >= back.limit
    assert verdicts[-1] == back, "once given it stays"
    assert trial.add(block(180, 2, 2, 2), block(20)) == back


def test_a_better_canary_is_promoted_after_enough_requests() -> None:
    trial = Trial(promote_after=1000)
    verdicts = [trial.add(block(180, 4, 9, 36), block(20, 0, 0, 1)) for _ in range(50)]
    assert [each.decision for each in verdicts].index("promote") == 49
    assert verdicts[-1].requests == 1000


def test_a_shop_with_so_few_customers_that_no_block_has_both_rolls_back_all_the_same() -> None:
    trial = Trial()
    for _ in range(100):
        trial.add(block(3), block(0))
        verdict = trial.add(block(0), block(1, bad=1))
    assert (verdict.decision, verdict.why) == ("rollback", "errors")


def test_what_could_be_compared_with_nothing_promotes_nobody() -> None:
    trial = Trial(promote_after=100)
    trial.add(block(20), block(0))
    for _ in range(100):
        verdict = trial.add(block(0), block(20))
    assert (verdict.decision, verdict.requests) == ("undecided", 0)
    assert trial.add(block(1), block(0)).decision == "promote"


@pytest.mark.parametrize("bad", ["bad", "slow", "down"])
def test_one_that_becomes_bad_after_it_was_good_enough_is_rolled_back(bad: str) -> None:
    """Such as one that nobody has promoted yet, or whose cache is being warmed."""
    trial = Trial()
    for _ in range(700):
        good = trial.add(block(180, 4, 9, 36), block(20, 0, 1, 4))
    assert (good.decision, good.requests) == ("promote", 14_000)
    verdicts = [trial.add(block(180, 4, 9, 36), block(20, **{bad: 20})) for _ in range(50)]
    assert verdicts[-1].decision == "rollback"
    back = next(each for each in verdicts if each.decision == "rollback")
    assert back.evidence[back.why or "errors"] >= back.limit


def test_simulated_canaries_in_short() -> None:
    """`make canary-sim` in short, with room for chance: of 60 alike 3 are expected at most."""
    assert share_rolled_back(60, Rates())[0] <= 0.15
    assert share_rolled_back(20, Rates(errors=2 * ERRORS))[0] >= 0.9
    assert share_rolled_back(20, Rates(down=0.3))[0] >= 0.8
    assert judged(1, Rates(errors=0.2)).requests < 400
