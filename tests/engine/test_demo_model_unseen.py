"""What is asked of a photo that no photo shows, and how the grammar teaches to say so."""

import re
from collections import Counter
from random import Random

import pytest
from transformers import AutoTokenizer

from demo_model.evaluation.contradictions import contradicts_itself
from demo_model.evaluation.scoring import agrees, correct, language_right, says_cannot
from demo_model.language.claims import claim_about, claimed
from demo_model.language.drills import story_drill, unseen_drill
from demo_model.language.grammar import grammar, tasks
from demo_model.language.otherwise import NO_SHORT_ANSWER, pinyin, shortened
from demo_model.language.questions import COMBINED, ask, combined
from demo_model.language.single import CALLED, about_another, answers_in
from demo_model.language.sources import Wording, has
from demo_model.language.tasks.turns import referring, turns_about
from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS
from demo_model.pictures.facts import Product, Scene, scene_of, visible
from demo_model.training.checkpoint import CHECKPOINT
from demo_model.training.conversations import Transcriber
from demo_model.training.lessons import LONG_ROW_TOKENS, ROW_TOKENS, rows_of
from gateway.evaluation.claims import claims_in

LANGUAGES = ("zh", "en")
SCENES = [visible(scene_of(seed)) for seed in range(300)]
SINGLES = [scene for scene in SCENES if len(scene.products) == 1]
WHITE = Product("backpack", "white", "canvas", "plain")
KELVO = Product("backpack", "white", "canvas", "plain", "KELVO")


def told(product: Product, detail: str, language: str) -> str:
    return str(answers_in(language).answer("not_visible_claim", Scene(0, (product,)), detail))


def test_a_claimed_brand_is_compared_with_the_word_that_can_be_read() -> None:
    nike = "yes:a backpack:Nike"
    assert told(KELVO, nike, "en").endswith("Nike and KELVO: no, so no.")
    assert told(KELVO, "yes:双肩包:耐克", "zh").endswith("耐克 与 KELVO：不符，所以不是。")
    assert told(KELVO, "yes:a backpack:KELVO", "en").endswith("KELVO and KELVO: yes, so yes.")
    assert told(KELVO, "yes:双肩包:KELVO", "zh").endswith("KELVO 与 KELVO：相符，所以是的。")
    assert "so I cannot tell the brand" in told(WHITE, nike, "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_no_photo_shows_of_a_claim_is_neither_yes_nor_no(language: str) -> None:
    silk = "yes:a white backpack:" if language == "en" else "yes:白色双肩包:"
    answer = told(WHITE, silk, language)
    assert agrees(answer, "match") is None
    assert says_cannot(answer, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_kind_or_colour_is_said_whatever_else_is_claimed(language: str) -> None:
    for detail in ("no:a red backpack:Nike", "no:a red backpack:"):
        wrong = detail.replace("a red backpack", "红色双肩包") if language == "zh" else detail
        assert agrees(told(WHITE, wrong, language), "match") is False


def test_claims_of_more_are_judged_rightly_and_claim_nothing_themselves() -> None:
    rng = Random(1)
    verdicts: Counter[bool | None] = Counter()
    for scene in SINGLES * 3:
        one = ask(rng, scene, intent="not_visible_claim")
        assert correct(one.answer, one, scene), one
        assert not contradicts_itself(one.answer, one.language, about_one=True), one
        assert claims_in(one.answer) == {}, one
        verdict = agrees(one.answer, "match")
        verdicts[verdict] += 1
        for end in ("所以是的。", "所以不是。") if one.language == "zh" else ("so yes.", "so no."):
            other = re.sub("[，,] ?(so|所以|但|but).*", f"，{end}", one.answer)
            assert agrees(other, "match") is verdict or not correct(other, one, scene), one
    assert min(verdicts[None], verdicts[False]) > 100
    assert verdicts[True] > 5


def test_what_search_is_asked_has_no_word_that_no_photo_shows() -> None:
    """A match score is made of yes and no, which the other claims do not have."""
    rng = Random(2)
    words = {name.en for names in claimed().values() for name in names}
    for scene in SINGLES:
        claim, truth = claim_about(rng, scene, "en", bare=True)
        assert truth in ("yes", "no")
        assert not any(re.search(rf"\b{re.escape(word)}\b", claim) for word in words), claim


def test_a_claimed_word_is_none_of_the_catalogue() -> None:
    known = [name for table in (COLOURS, MATERIALS, PATTERNS) for name in table.values()]
    known += [kind.name for kind in KINDS.values()]
    for name in [name for names in claimed().values() for name in names]:
        assert not any(one.zh in name.zh or one.en == name.en for one in known), name
    assert len({name.en for name in claimed()["brands"]}) >= 40


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_topic_that_no_photo_shows_has_one_answer(language: str) -> None:
    rng = Random(3)
    answers, asked = set(), set()
    for scene in SINGLES * 5:
        one = ask(rng, scene, language=language, intent="not_visible")
        answers.add(one.answer)
        asked.add(one.question)
    assert len(answers) == 1
    assert claims_in(answers.pop()) == {}
    assert len(asked) > 900
    assert not has("not_visible", Wording.BRANCH)  # what the evaluation asks stays what it was


@pytest.mark.parametrize(
    ("language", "own"),
    [
        pytest.param(
            "zh",
            "多少钱|尺寸|有货|库存|什么材质|什么料|什么风格|什么场合|正品|真皮|适合谁",
            id="zh",
        ),
        pytest.param(
            "en",
            "how much is it|what size|in stock|made of|style|occasion",
            id="en",
        ),
    ],
)
def test_what_has_an_answer_of_its_own_keeps_it(language: str, own: str) -> None:
    rng = Random(4)
    ways = {grammar(language).phrasing(rng, "not_visible") for _ in range(5000)}
    assert not [way for way in ways if re.search(own, way)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_yes_or_no_forces_no_verdict_on_what_no_photo_shows(language: str) -> None:
    rng = Random(5)
    seen: Counter[str] = Counter()
    short = {tasks(language).phrasing(rng, "yes_or_no").lower() for _ in range(900)}
    for scene in SINGLES * 12:
        one = ask(rng, scene, language=language)
        intent, detail = one.intents[0]
        if len(one.intents) == 1 and any(way in one.question.lower() for way in short):
            seen[intent] += intent in NO_SHORT_ANSWER
        if intent in NO_SHORT_ANSWER and len(one.intents) == 1:
            assert one.answer == answers_in(language).answer(intent, scene, detail)
    assert set(seen) >= {*NO_SHORT_ANSWER}
    assert shortened(rng, "x", language) != "x"


def test_pressed_for_yes_or_no_the_answer_stays() -> None:
    rng = Random(6)
    pressed = 0
    ways = {tasks(lang).phrasing(rng, "just_short") for lang in LANGUAGES for _ in range(900)}
    for scene in SINGLES * 6:
        first, *_, last = turns_about(rng, scene)
        if any(last.question.lower().startswith(way.lower()) for way in ways):
            pressed += 1
            assert first.intents[0][0] in NO_SHORT_ANSWER
            assert last.answer == first.answer
    assert pressed > 20


def test_nobody_is_sure_of_what_they_cannot_tell() -> None:
    rng = Random(7)
    sure: Counter[bool] = Counter()
    for scene in SINGLES * 4:
        one = ask(rng, scene)
        again = referring(rng, [one], one.language)
        if again.answer.startswith(("是的。\n", "Yes.\n")):
            sure[True] += 1
            assert not says_cannot(one.answer, one.language) or "没有看到" in one.answer, one
        sure[False] += again.answer == one.answer and says_cannot(one.answer, one.language)
    assert min(sure[True], sure[False]) > 40


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_asked_of_another_kind_is_answered_by_what_is_there(language: str) -> None:
    rng = Random(8)
    for scene in SINGLES * 2:
        one = about_another(rng, scene, language)
        product = KINDS[scene.products[0].kind]
        (intent, thing) = one.intents[0]
        assert intent == "absent"
        assert getattr(product.name, language) in one.answer
        assert thing in one.answer
        assert correct(one.answer, one, scene)
        assert thing not in {getattr(name, language) for name in CALLED[product.group]}


def test_three_questions_are_answered_in_their_order() -> None:
    rng = Random(9)
    many: Counter[int] = Counter()
    for scene in SINGLES * 4:
        one = combined(rng, scene, rng.choice(LANGUAGES))
        many[len(one.intents)] += 1
        answers = [
            str(answers_in(one.language).answer(intent, scene, detail))
            for intent, detail in one.intents
        ]
        between = "" if one.language == "zh" else " "
        assert one.answer == between.join(dict.fromkeys(answers))  # nothing is said twice
    assert many[2] > many[3] > 100
    assert many[4] > 5
    assert len(combined(rng, SINGLES[0], "en", ("colour", "gift")).intents) == 2
    assert "not_visible" in COMBINED


def test_pinyin_is_answered_in_chinese() -> None:
    rng = Random(10)
    latin = [
        one
        for one in (ask(rng, scene, language="zh") for scene in SINGLES * 20)
        if not re.search("[\u4e00-\u9fff]", one.question)
    ]
    assert len(latin) > 50
    assert all(language_right(one.answer, "zh") for one in latin)
    assert len(pinyin().intents) >= 12


def test_a_long_story_is_part_of_the_question_and_fits_into_a_row() -> None:
    rng = Random(11)
    transcriber = Transcriber(AutoTokenizer.from_pretrained(CHECKPOINT))
    lengths = {"zh": [0], "en": [0]}
    for scene in SINGLES:
        one = story_drill(rng, scene, LONG_ROW_TOKENS)
        lengths[one.language].append(len(one.question))
        assert correct(one.answer, one, scene) or len(one.intents) > 1
    assert max(lengths["zh"]) > 450
    assert max(lengths["en"]) > 1200
    rows = rows_of(Random(12), SINGLES[:40], transcriber)
    totals = [sum(len(lesson.ids) for lesson in row) for row in rows]
    assert max(totals) <= ROW_TOKENS
    longest = max(len(lesson.ids) for row in rows for lesson in row)
    assert longest > 150


def test_the_drill_of_what_no_photo_shows_teaches_its_answer_whole() -> None:
    rng = Random(13)
    drills = [unseen_drill(rng, scene) for scene in SINGLES]
    fixed = {answers_in(language).FIXED["not_visible"] for language in LANGUAGES}
    whole = [one for one in drills if one.learnt in fixed]
    assert len(whole) > len(drills) / 6
    assert all(not one.given for one in whole)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_about_oneself_or_one_use_is_asked(language: str) -> None:
    rng = Random(14)
    of_me = {grammar(language).phrasing(rng, "audience") for _ in range(2000)}
    used = {grammar(language).phrasing(rng, "occasion") for _ in range(2000)}
    assert any(re.search("suit me|适合我", way) for way in of_me)
    assert any(re.search("wedding|结婚", way) for way in used)


def test_new_answers_use_whole_tokens_of_the_shipped_tokenizer() -> None:
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    for language in LANGUAGES:
        for scene in (Scene(0, (WHITE,)), Scene(0, (KELVO,))):
            product = scene.products[0]
            claim = "yes:a backpack:" if language == "en" else "yes:双肩包:"
            texts = [answers_in(language).FIXED["not_visible"], told(product, claim, language)]
            for text in texts:
                pieces = [tokenizer.decode([token]) for token in tokenizer.encode(text)]
                assert "".join(pieces) == text
