"""What the verdict on a canary is worth: simulated canaries that are as good as their baseline,
that fail twice as often, that get fewer thumbs up, in a busy shop and in a quiet one. The last line
is `RESULT {json}`."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gateway.canary.evidence import Counts
from gateway.canary.verdict import PROMOTE_AFTER, Block, CanaryVerdict, Trial

ERRORS, SLOW, DOWN = 0.02, 0.05, 0.20
# A tenth of the answers gets a thumb.
VOTES = 0.1
# Blocks that are drawn at once.
DRAWN = 512


@dataclass(frozen=True)
class Shop:
    """Requests of a block, in the mean: a tenth of them at the canary."""

    baseline: float
    canary: float


BUSY = Shop(180, 20)  # ten seconds, 20 requests a second
QUIET = Shop(0.9, 0.1)  # five seconds, a request each five
# 6,000 requests of a quiet shop's canary are 60,000 blocks, so fewer canaries are tried.
QUIET_SHARE = 5


@dataclass(frozen=True)
class Rates:
    errors: float = ERRORS
    slow: float = SLOW
    down: float = DOWN


def blocks(draw: np.random.Generator, shop: Shop, canary: Rates) -> Iterator[tuple[Block, Block]]:
    """At both, one after the other, without those in which nobody asked anything."""
    rates = (Rates(), canary)
    while True:
        asked = draw.poisson((shop.baseline, shop.canary), (DRAWN, 2))
        asked = asked[asked.any(axis=1)]
        votes = draw.binomial(asked, VOTES)
        errors, slow, down = (
            draw.binomial(among, [getattr(each, sign) for each in rates])
            for among, sign in ((asked, "errors"), (asked, "slow"), (votes, "down"))
        )
        drawn = (asked, errors, slow, votes, down)
        for both in np.stack(drawn, axis=2).tolist():
            baseline, other = (
                Block(Counts(n, failed), Counts(n, late), Counts(v, against))
                for n, failed, late, v, against in both
            )
            yield baseline, other


def judged(seed: int, canary: Rates, shop: Shop = BUSY) -> CanaryVerdict:
    trial = Trial()
    for baseline, other in blocks(np.random.default_rng(seed), shop, canary):
        verdict = trial.add(baseline, other)
        if verdict.decision != "undecided":
            break
    return verdict


def share_rolled_back(runs: int, canary: Rates, shop: Shop = BUSY) -> tuple[float, int]:
    """And the canary's requests until then, in the middle."""
    verdicts = [judged(seed, canary, shop) for seed in range(runs)]
    back = sorted(each.requests for each in verdicts if each.decision == "rollback")
    return len(back) / runs, back[len(back) // 2] if back else 0


def bench(runs: int) -> dict[str, float]:
    few = max(1, runs // QUIET_SHARE)
    quiet = {f"quiet_{name}": value for name, value in figures(few, QUIET).items()}
    return {**figures(runs, BUSY), "canary_requests": PROMOTE_AFTER, **quiet}


def figures(runs: int, shop: Shop) -> dict[str, float]:
    alike, _ = share_rolled_back(runs, Rates(), shop)
    errors, errors_after = share_rolled_back(runs, Rates(errors=2 * ERRORS), shop)
    thumbs, thumbs_after = share_rolled_back(runs, Rates(down=DOWN + 0.10), shop)
    return {
        "false_rollback_rate": alike,
        "detects_errors": errors,
        "detects_errors_after": errors_after,
        "detects_thumbs": thumbs,
        "detects_thumbs_after": thumbs_after,
        "runs": runs,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    print("RESULT " + json.dumps(bench(parser.parse_args().runs)))
