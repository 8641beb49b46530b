"""Platt scaling: the line through a model's log-odds under which its answers were likeliest."""

from collections.abc import Sequence

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from contract.products.calibration import STEEPEST, LogOddsLine, log_odds

# How much one right and one wrong answer that nobody gave count: so a field that was always right
# is not said to be certain.
PRIOR = 1.0
# Of the squared slope: a field that was always wrong would have an endless one.
RIDGE = 0.5

Sample = tuple[float, bool]
"""A probability of the model's, and whether it was right."""


def fitted(found: Sequence[Sample]) -> LogOddsLine:
    """A line that falls is none: then the share of right answers is all that is known."""
    odds = torch.tensor([log_odds(p) for p, _ in found] + [0.0, 0.0], dtype=torch.float64)
    right = torch.tensor([right for _, right in found] + [True, False], dtype=torch.float64)
    weights = torch.tensor([1.0] * len(found) + [PRIOR, PRIOR], dtype=torch.float64)
    line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        told = line[0] * odds + line[1]
        loss = binary_cross_entropy_with_logits(told, right, weights, reduction="sum")
        loss = loss + RIDGE * line[0] ** 2
        loss.backward()
        return loss

    optimiser.step(loss)
    slope, intercept = line.tolist()
    if slope < 0:
        slope, intercept = 0.0, log_odds(float((right * weights).sum() / weights.sum()))
    slope, intercept = (round(min(max(x, -STEEPEST), STEEPEST), 4) for x in (slope, intercept))
    return LogOddsLine(slope=slope, intercept=intercept)
