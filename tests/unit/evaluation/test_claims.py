"""What an answer claims though no photo shows it."""

from pathlib import Path
from random import Random

import pytest

from demo_model.language import answers_en, answers_zh
from demo_model.language.questions import ask
from demo_model.pictures.facts import FIRST_HELD_OUT_SEED, scene_of
from gateway.evaluation.claiming.rules import rules_of
from gateway.evaluation.claims import CLAIMS, NEVER_SHOWN, claims_in
from tests.unit.evaluation.claims_eval import DEVELOPMENT, HELD_OUT, figures, labelled

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


def test_nothing_that_the_demo_checkpoint_is_taught_to_say_claims_anything() -> None:
    rng = Random(7)
    scenes = [scene_of(FIRST_HELD_OUT_SEED + seed) for seed in range(500)]
    answers = [ask(rng, scene).answer for scene in scenes]
    assert {answer: claims_in(answer) for answer in answers if claims_in(answer)} == {}


# A little under what was reached (docs/decisions/0199). Only figures are told: who works on the
# rules is not to read what is held out.
def test_of_answers_that_nobody_read_as_many_claims_are_found_as_the_decision_says() -> None:
    reached = figures(labelled(HELD_OUT))
    assert reached.recall >= 0.85, reached
    assert reached.precision >= 0.93, reached
    assert min(recall for recall, _ in reached.by_claim.values()) >= 0.75, reached


def test_of_answers_that_the_rules_were_written_with_nearly_all_are_judged_rightly() -> None:
    reached = figures(labelled(DEVELOPMENT))
    assert reached.exact >= 0.98, reached


@pytest.mark.parametrize("language", ["chinese", "english"])
def test_a_language_has_rules_for_every_claim(language: str) -> None:
    assert set(rules_of(language).claims) == set(CLAIMS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "The sleeve has “100% cotton” in green.",
        "盒子正面有“保证正品”。",
        "The bag carries the words 保证真品.",
    ],
)
def test_what_is_read_from_a_photo_claims_nothing(text: str) -> None:
    assert claims_in(text) == {}


def test_a_negated_claim_is_one_only_of_what_its_opposite_says_too() -> None:
    assert set(claims_in("It is not a replica. It is not made of cotton.")) == {"authenticity"}
    assert set(claims_in("这不是高仿。不是纯棉。没有现货。")) == {"authenticity", "stock"}


@pytest.mark.parametrize("text", ["leather", "linen", "皮革", "羊毛"])
def test_a_material_of_a_card_is_no_claim(text: str) -> None:
    assert claims_in(text) == {}


def test_an_english_sentence_behind_chinese_words_is_read() -> None:
    assert set(claims_in("关于It is on sale for $5.")) == {"price"}


def test_a_number_with_a_comma_is_one() -> None:
    assert claims_in("售价1,280元") == {"price": "售价1,280元"}


def test_the_clause_that_claims_is_told() -> None:
    found = claims_in("I cannot tell the brand, but it costs $50. 这是正品。")
    assert found == {"price": "it costs $50", "authenticity": "这是正品"}


@pytest.mark.timeout(60)  # it takes two seconds; by the square of its length it took two minutes
def test_a_long_answer_is_read_to_its_end() -> None:
    for long in (
        *("价格" * 20_000, "$" * 20_000, " size" * 20_000, "1" * 20_000, "a?" * 20_000),
        *("is a " * 20_000, "1," * 20_000, "made of " * 20_000, "“" * 20_000, "一百" * 20_000),
    ):
        assert claims_in(f"{long}。这是正品。") == {"authenticity": "这是正品"}
