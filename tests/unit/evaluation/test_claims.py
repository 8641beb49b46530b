"""What an answer claims though no photo shows it."""

from pathlib import Path

import pytest

from demo_model.language import answers_en, answers_zh
from gateway.evaluation.claims import CLAIMS, NEVER_SHOWN, claims_in

TABLE = Path(__file__).with_name("claims.tsv")
ROWS = [line.split("\t") for line in TABLE.read_text().splitlines()]


@pytest.mark.parametrize(("claim", "text"), ROWS, ids=lambda cell: cell)
def test_a_sentence_claims_what_the_table_says(claim: str, text: str) -> None:
    assert set(claims_in(text)) == ({claim} if claim != "-" else set())


def test_every_claim_has_sentences_in_the_table() -> None:
    assert {claim for claim, _ in ROWS} == {*CLAIMS, "-"}
    assert set(NEVER_SHOWN) < set(CLAIMS)


@pytest.mark.parametrize("text", [*answers_en.FIXED.values(), *answers_zh.FIXED.values()])
def test_what_the_demo_checkpoint_says_instead_claims_nothing(text: str) -> None:
    assert claims_in(text) == {}


def test_the_clause_that_claims_is_told() -> None:
    found = claims_in("I cannot tell the brand, but it costs $50. 这是正品。")
    assert found == {"price": "it costs $50", "authenticity": "这是正品"}


@pytest.mark.timeout(20)  # by the square of its length it took two minutes
def test_a_long_answer_is_read_to_its_end() -> None:
    for long in ("价格" * 20_000, "$" * 20_000, " size" * 20_000, "1" * 20_000, "a?" * 20_000):
        assert claims_in(f"{long}。这是正品。") == {"authenticity": "这是正品"}
