"""What the verdict on a canary is worth: simulated canaries that are as good as their baseline,
that fail twice as often, that get fewer thumbs up. The last line is `RESULT {json}`."""

import argparse
import json
from dataclasses import dataclass

import numpy as np

from gateway.canary.evidence import Counts
from gateway.canary.verdict import PROMOTE_AFTER, Block, CanaryVerdict, Trial

# Ten seconds of a shop with 20 requests a second, a tenth of them at the canary.
BASELINE, CANARY = 180, 20
ERRORS, SLOW, DOWN = 0.02, 0.05, 0.20
# A tenth of the answers gets a thumb.
VOTES = 0.1


@dataclass(frozen=True)
class Rates:
    errors: float = ERRORS
    slow: float = SLOW
    down: float = DOWN


def block(draw: np.random.Generator, rates: Rates, requests: int) -> Block:
    def among(total: int, rate: float) -> Counts:
        return Counts(total, int(draw.binomial(total, rate)))

    votes = int(draw.binomial(requests, VOTES))
    return Block(
        among(requests, rates.errors), among(requests, rates.slow), among(votes, rates.down)
    )


def judged(seed: int, canary: Rates) -> CanaryVerdict:
    draw, trial = np.random.default_rng(seed), Trial()
    while True:
        verdict = trial.add(block(draw, Rates(), BASELINE), block(draw, canary, CANARY))
        if verdict.decision != "undecided":
            return verdict


def share_rolled_back(runs: int, canary: Rates) -> tuple[float, int]:
    """And the canary's requests until then, in the middle."""
    verdicts = [judged(seed, canary) for seed in range(runs)]
    back = sorted(each.requests for each in verdicts if each.decision == "rollback")
    return len(back) / runs, back[len(back) // 2] if back else 0


def bench(runs: int) -> dict[str, float]:
    alike, _ = share_rolled_back(runs, Rates())
    errors, errors_after = share_rolled_back(runs, Rates(errors=2 * ERRORS))
    thumbs, thumbs_after = share_rolled_back(runs, Rates(down=DOWN + 0.10))
    return {
        "false_rollback_rate": alike,
        "detects_errors": errors,
        "detects_errors_after": errors_after,
        "detects_thumbs": thumbs,
        "detects_thumbs_after": thumbs_after,
        "canary_requests": PROMOTE_AFTER,
        "runs": runs,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    print("RESULT " + json.dumps(bench(parser.parse_args().runs)))
