"""`make card-eval` and `make card-calibrate`: what counts as right, and the line that is fitted."""

import math
import random

import pytest

from contract.products.card import CARD_FIELDS, not_visible
from demo_model.evaluation.probabilities import Scored, calibration_error
from demo_model.language.tasks.cards import card_of
from loadtest.products.evaluate import Measured, result
from loadtest.products.pictures import FIRST_TO_FIT, FIRST_TO_MEASURE, MATCHED, held_out
from loadtest.products.platt import fitted


def told(probability: float) -> float:
    return 1 / (1 + math.exp(-(2 * math.log(probability / (1 - probability)) - 1)))


def test_a_line_is_found_again_and_makes_confidences_into_shares() -> None:
    draw = random.Random(3)
    sure = [draw.uniform(0.02, 0.98) for _ in range(4_000)]
    samples = [(p, draw.random() < told(p)) for p in sure]
    line = fitted(samples)
    assert line.slope == pytest.approx(2, abs=0.2)
    assert line.intercept == pytest.approx(-1, abs=0.2)
    before = calibration_error([Scored(p, right) for p, right in samples])
    after = calibration_error([Scored(line.apply(p), right) for p, right in samples])
    assert after < 0.02 < 0.1 < before


def test_a_field_that_was_always_right_or_wrong_is_not_certain() -> None:
    for right in (True, False):
        share = fitted([(0.9, right)] * 50).apply(0.9)
        assert 0.9 < (share if right else 1 - share) < 0.999


def test_a_model_that_is_surer_of_what_is_wrong_is_believed_in_nothing() -> None:
    line = fitted([(0.9, False)] * 40 + [(0.1, True)] * 20)
    assert line.slope == 0
    assert line.apply(0.01) == line.apply(0.99) == pytest.approx(1 / 3, abs=0.02)


def test_a_picture_s_own_card_is_right_and_another_s_is_not() -> None:
    one, *_ = pictures = [*held_out(FIRST_TO_MEASURE, 1)]
    assert [picture.with_card for picture in pictures] == [True] + [False] * (MATCHED - 1)
    assert all(len(picture.claims) == 2 for picture in pictures)
    for language in ("zh", "en"):
        card = card_of(one.scene, language, 0.0)
        card["not_visible"] = not_visible(card["not_visible"])
        assert all(one.right(name, card[name], language) for name in CARD_FIELDS)
        wrong = {"category": "x", "materials": ["x"], "not_visible": []}
        assert not any(one.right(name, value, language) for name, value in wrong.items())


def test_what_is_fitted_is_not_what_is_measured() -> None:
    assert FIRST_TO_MEASURE - FIRST_TO_FIT >= 1_000_000


def test_the_result_has_the_keys_that_are_asked_for() -> None:
    found = Measured(valid=[True, False], matches=[Scored(0.9, True), Scored(0.2, False)])
    for name in CARD_FIELDS:
        found.fields[name] += [Scored(1.0, True), Scored(0.0, False)]
    found.seconds["card"], found.seconds["match"] = [1.0], [0.1]
    figures = result(found, 1)
    assert figures["valid"] == 0.5
    assert {figures[name] for name in CARD_FIELDS} == {0.5}
    assert (figures["ece"], figures["match_auc"]) == (0.0, 1.0)
