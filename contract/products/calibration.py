"""What a model's own probabilities are worth: a line through their log-odds for each field, fitted
on pictures that the model has not seen (J. Platt, 1999). It belongs to the weights. Pure."""

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# In a checkpoint's folder.
CALIBRATION_FILE = "calibration.json"
# Nearer to 0 and 1 the log-odds of a probability say more of rounding than of the model.
NEAREST = 1e-6
# Of a slope or an intercept: with more, one side of the line is 0 and the other 1.
STEEPEST = 100.0

Number = Annotated[float, Field(ge=-STEEPEST, le=STEEPEST, allow_inf_nan=False)]


class LogOddsLine(BaseModel):
    """p → 1 / (1 + exp(-(slope · log-odds(p) + intercept)))."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slope: Number
    intercept: Number

    def apply(self, probability: float) -> float:
        return 1 / (1 + math.exp(-(self.slope * log_odds(probability) + self.intercept)))


class Calibration(BaseModel):
    """A model without one has the empty one, with which probabilities stay as they are."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    card: Mapping[str, LogOddsLine] = {}
    """By the card's fields."""
    match: LogOddsLine | None = None
    fitted_on: str | None = None
    """In words, for people."""

    def of_field(self, name: str, probability: float) -> float:
        line = self.card.get(name)
        return probability if line is None else line.apply(probability)

    def of_match(self, score: float) -> float:
        return score if self.match is None else self.match.apply(score)


NOT_CALIBRATED = Calibration()


def log_odds(probability: float) -> float:
    bounded = min(max(probability, NEAREST), 1 - NEAREST)
    return math.log(bounded / (1 - bounded))
