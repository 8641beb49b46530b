"""What is asked besides single questions: right answers are judged right, wrong ones wrong."""

import json
import re
from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from PIL import Image

from contract.text.canonical import canonical
from demo_model.evaluation.cases import ABOUT_TWO, Case, case_of_two
from demo_model.evaluation.chat import Question
from demo_model.evaluation.contradictions import contradict_each_other, contradicts_itself
from demo_model.evaluation.own_phrasings import EVERYDAY, everyday, written
from demo_model.evaluation.probabilities import Scored, area_under_curve, calibration_error
from demo_model.evaluation.scoring import correct, honest, language_right
from demo_model.evaluation.tasks import follows, right_about_two, right_fields, right_turn
from demo_model.language import answers_en, answers_zh, phrasings_en, phrasings_zh
from demo_model.language.claims import claim_about
from demo_model.language.grammar import Grammar, grammar
from demo_model.language.questions import ask
from demo_model.language.rules import PEOPLE
from demo_model.language.single import Exchange
from demo_model.language.sources import Wording, by_hand, has, template_of
from demo_model.language.tasks.cards import card_talk
from demo_model.language.tasks.instructions import instructed
from demo_model.language.tasks.places import BESIDE, PHOTOS, comparison, places_in
from demo_model.language.tasks.turns import quoted_back, turns_about
from demo_model.language.wording import _typing, traditional
from demo_model.pictures.catalogue import COLOURS, KINDS
from demo_model.pictures.facts import Product, Scene, scene_of, visible
from demo_model.training.conversations import converse, second_photo

# What composes ten thousand ways and more by the intent's own rules, and 10^5 with what people
# put around a question.
LANGUAGES = ("zh", "en")
SCENES = [visible(scene_of(seed)) for seed in range(400)]
SINGLES = [scene for scene in SCENES if len(scene.products) == 1]
PAIRS = [scene for scene in SCENES if len(scene.products) == 2]


def judged(exchange: Exchange, answer: str, scene: Scene) -> bool:
    intent = exchange.intents[0][0]
    if intent == "instructed":
        return follows(answer, exchange, scene)
    if intent in ABOUT_TWO:
        return right_about_two(answer, exchange, scene.products)
    if intent in ("recall", "again"):
        return right_turn(answer, exchange, scene)
    return correct(answer, exchange, scene)


def test_whatever_training_says_is_right_and_contradicts_nothing() -> None:
    rng = Random(0)
    for scene in [*SCENES, *[scene for scene in SCENES if scene.drawn] * 8]:
        talk = converse(rng, scene)
        exchange = talk.exchanges[-1]
        if exchange.intents[0][0] != "no_photo":
            assert judged(exchange, exchange.answer, scene), (scene, exchange)
        one = len(scene.products) == 1
        assert not contradicts_itself(exchange.answer, exchange.language, about_one=one), exchange


def test_an_answer_about_the_other_of_two_is_wrong() -> None:
    rng = Random(1)
    wrong = 0
    for scene in PAIRS:
        first, second = scene.products
        if first.colour == second.colour:
            continue
        turns = turns_about(rng, scene)
        while turns[-1].intents[0][0] != "place":
            turns = turns_about(rng, scene)
        turned = replace(scene, products=(second, first))
        assert right_turn(turns[-1].answer, turns[-1], scene)
        if turns[-1].intents[0][1].endswith(("what", "colour")):
            assert not right_turn(turns[-1].answer, turns[-1], turned)
            wrong += 1
    assert wrong > 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_which_of_two_suits_is_concluded_from_what_both_are(language: str) -> None:
    bag = Product("handbag", "red", "leather", "plain")
    boot = Product("boot", "black", "leather", "plain")
    rng = Random(2)
    for products, wanted in (((bag, boot), 0), ((boot, bag), 1)):
        asked = comparison(rng, products, PHOTOS[language], language)
        while asked.intents[0] != ("suits_more", "mum"):
            asked = comparison(rng, products, PHOTOS[language], language)
        assert PHOTOS[language][wanted].told in asked.answer.split("所以")[-1].split("so ")[-1]
        other = comparison(Random(3), products[::-1], PHOTOS[language], language)
        while other.intents[0] != ("suits_more", "mum"):
            other = comparison(rng, products[::-1], PHOTOS[language], language)
        assert right_about_two(asked.answer, asked, products)
        assert not right_about_two(other.answer, asked, products)


def test_what_was_asked_is_said_back_in_the_words_that_the_model_read() -> None:
    rng = Random(4)
    kinds: Counter[str] = Counter()
    for scene in SINGLES * 2:
        turns = turns_about(rng, scene)
        intent, detail = turns[-1].intents[0]
        kinds[intent] += 1
        if intent == "recall":
            assert turns[-1].answer.split("\n")[1] == detail
            assert not right_turn(turns[-1].answer.replace(detail, "?"), turns[-1], scene)
    assert kinds["recall"] > 50
    assert kinds["again"] > 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_card_is_right_field_by_field(language: str) -> None:
    rng = Random(5)
    for scene in SCENES[:60]:
        card = card_talk(rng, scene)
        assert all(right_fields(card.answer, scene, card.language))
    scene = Scene(0, (Product("mug", "red", "metal", "plain"),))
    card = next(c for c in iter(lambda: card_talk(rng, scene), None) if c.language == language)
    told = json.loads(card.answer)
    wrong = json.dumps(told | {"colours": ["blue"]}, ensure_ascii=False)
    assert right_fields(wrong, scene, language).count(False) == 1
    assert not any(right_fields(card.answer[:-1], scene, language))


def test_instructions_are_followed_in_language_and_length() -> None:
    rng = Random(6)
    seen: Counter[str] = Counter()
    for scene in SINGLES * 3:
        system, exchange = instructed(rng, scene)
        assert system
        length = exchange.intents[0][1].split(":")[0]
        seen[length] += 1
        assert language_right(exchange.answer, exchange.language)
        assert follows(exchange.answer, exchange, scene), exchange
        if length == "short":
            long = exchange.answer + exchange.answer * 9
            assert not follows(long, exchange, scene)
    assert min(seen["short"], seen["full"], seen[""]) > 50


def test_half_of_the_claims_are_true_and_none_is_so_by_chance() -> None:
    rng = Random(7)
    truths = []
    for scene in [*SINGLES, *PAIRS] * 2:
        claim, truth = claim_about(rng, scene, "en", bare=True)
        truths.append(truth == "yes")
        for product in scene.products:
            if truth == "no":
                words = f"{COLOURS[product.colour].en} {KINDS[product.kind].name.en}"
                assert words not in claim or product.material or product.pattern
    assert 0.4 < sum(truths) / len(truths) < 0.6


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("intent", ["colour", "material", "pattern", "what", "price", "gift"])
def test_an_intent_has_a_hundred_thousand_phrasings(intent: str, language: str) -> None:
    around = len(set(_typing(language)["openers"])) * len(set(_typing(language)["closers"]))
    assert grammar(language).count(intent) * around > 100_000
    rng = Random(8)
    asked = {ask(rng, SINGLES[0], language=language, intent=intent).question for _ in range(400)}
    assert len(asked) > 370


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_branches_and_words_are_never_trained_on(language: str) -> None:
    ways = grammar(language)
    unseen = [name for name in ways.intents if has(name.split(":")[0], Wording.BRANCH)]
    assert len(unseen) >= 9
    for intent in unseen:
        rng = Random(intent)
        held_out = {ways.branch(rng, intent) for _ in range(30)}
        trained = {ways.phrasing(rng, intent) for _ in range(3000)}
        assert not held_out & trained
        for word in ("色泽", "质料", "纹饰", "何种", "tint", "ornament", "~"):
            assert not any(word in text for text in trained), word
        for _ in range(20):
            assert "~" not in ways.phrasing(rng, intent, held_out=True)


@pytest.mark.parametrize("wording", Wording)
def test_every_wording_has_a_question_for_every_product(wording: Wording) -> None:
    """A pan is asked about steak, which only some wordings have."""
    pans = [scene for scene in SINGLES if scene.products[0].kind == "pan"]
    rng = Random(wording)
    for scene in [*SINGLES, *pans * 10]:
        assert ask(rng, scene, wording=wording).question


def test_a_grammar_counts_and_composes_what_it_says() -> None:
    tiny = Grammar("<x> = a | ~b\n[t]\n<x>(1/2|3)?{it} | ~c\n[u]\np | q")
    assert tiny.count("t") == 4
    rng = Random(9)
    assert {tiny.phrasing(rng, "t") for _ in range(200)} == {"a1{it}", "a2{it}", "a3{it}", "a{it}"}
    assert {tiny.branch(rng, "t") for _ in range(9)} == {"c"}
    held_out = {tiny.phrasing(rng, "t", held_out=True) for _ in range(300)}
    assert held_out == {"c", "b1{it}", "b2{it}", "b3{it}", "b{it}"}
    with pytest.raises(ValueError, match="u"):
        tiny.phrasing(rng, "u", held_out=True)
    with pytest.raises(ValueError, match="y"):
        Grammar("[t]\nx(y")


def test_traditional_characters_differ_and_lead_back_to_one_simplified_text() -> None:
    table = traditional()
    assert len(table) > 300
    assert "这是什么颜色".translate(table) == "這是什麼顏色"
    assert all(chr(simple) != other for simple, other in table.items())


def test_the_hand_written_phrasings_are_as_many_as_promised() -> None:
    for language in LANGUAGES:
        intents = Counter(intent for intent, _ in written(language))
        assert sum(intents.values()) >= 300
        assert min(intents.values()) >= 40
        gifts = [one.intents[0][1] for intent, one in written(language) if intent == "gift"]
        assert {*gifts} <= PEOPLE.keys()


def test_everyday_questions_are_as_many_as_the_model_card_says() -> None:
    cases = [*everyday([(SINGLES[0], Image.new("RGB", (8, 8)))])]
    counts = Counter(case.own for case in cases)
    assert counts == {"everyday_unseen": 239, "everyday_claims": 160, "everyday_long": 32}
    assert {figure for _, figure in EVERYDAY.values()} == {*counts}


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("It is a red leather handbag. Nike and KELVO: no, so no.", True),
        ("A photo cannot show that. Please check the product page or ask the shop.", True),
        ("It is a red leather handbag. Red and leather: yes, so yes.", False),
        ("Yes.", False),
        ("Yes. A photo cannot show that.", False),
        ("It is a red leather handbag.", False),
    ],
)
def test_a_claim_of_a_brand_is_never_granted(answer: str, right: bool) -> None:
    exchange = Exchange("", "", "en", (("not_visible_claim", ""),))
    asked = Question("", Image.new("RGB", (8, 8)))
    claim = Case("everyday_claims", exchange, SINGLES[0], asked, answer=answer)
    assert claim.right is right


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_people_wrote_for_training_is_asked_and_is_not_what_the_evaluation_asks(
    language: str,
) -> None:
    ways = by_hand(language)
    tables = phrasings_zh if language == "zh" else phrasings_en
    of_people = {key for key in ways if key.startswith("gift:")}
    assert ways.keys() - of_people <= tables.SEEN.keys()
    assert of_people == {f"gift:{person}" for person in PEOPLE}
    held_out = {_bare(exchange.question) for _, exchange in written(language)}
    nothing = Image.new("RGB", (8, 8))
    held_out |= {_bare(case.asked.text) for case in everyday([(SINGLES[0], nothing)])}
    rng = Random(10)
    for key, phrasings in ways.items():
        assert len(phrasings) > 20
        for phrasing in phrasings:
            fields = {*re.findall(r"{(.*?)}", phrasing)}
            assert fields <= {"it", "who"}
            assert ("who" in fields) == (key == "gift")
            asked = {_bare(phrasing.replace("{it}", it)) for it in tables.REFERENCES}
            shared = len(asked & held_out)
            assert shared == 0  # a number, since nobody reads what the evaluation asks
        intent = key.split(":")[0]
        drawn = [template_of(rng, language, intent, Wording.BY_HAND) for _ in range(99)]
        assert all(template in phrasings for other, template in drawn if other == key)
        assert any(other.split(":")[0] == intent for other, _ in drawn)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_about_one_person_is_answered_about_them(language: str) -> None:
    whom = {line: key for key, lines in by_hand(language).items() for line in lines}
    rng = Random(12)
    asked = 0
    for _ in range(300):
        key, template = template_of(rng, language, "gift", Wording.BY_HAND)
        one = ask(rng, SINGLES[0], language=language, intent="gift", wording=Wording.BY_HAND)
        assert whom[template] == key
        typed = one.question
        keys = {of for line, of in whom.items() if of.startswith("gift:") and line in typed}
        asked += bool(keys)
        assert not keys or f"gift:{one.intents[0][1]}" in keys
    assert asked > 30


def test_questions_of_unusual_words_are_quoted_back_word_by_word() -> None:
    rng = Random(13)
    for _ in range(200):
        *earlier, last = quoted_back(rng)
        assert right_turn(last.answer, last, Scene(0, ()))
        said = {text for one in earlier for text in (canonical(one.question), one.answer)}
        assert last.answer.split("\n")[-1] in said


def _bare(question: str) -> str:
    """Without marks and letter case."""
    return re.sub(r"[\W_]+", "", question.lower())


def test_a_refusal_is_told_from_an_answer_about_a_product_that_denies_something() -> None:
    for answers, language in ((answers_zh, "zh"), (answers_en, "en")):
        for scene in (SINGLES[0], PAIRS[0]):
            for intent in ("what", "brand", "absent", "price", "presence", "genuine", "gift"):
                detail = {"genuine": "wood", "gift": "mum"}.get(intent, "dog")
                assert not honest(answers.answer(intent, scene, detail), language)
        for refusal in (answers.NO_PRODUCT, answers.UNKNOWN, answers.FIXED["offtopic"]):
            assert honest(refusal, language)


def test_contradictions_are_found() -> None:
    said = "送给妈妈的话，这款棕色手提包更适合妈妈和职场女性，不太合适。"
    assert contradicts_itself(said, "zh", about_one=True)
    assert not contradicts_itself(said.replace("给妈妈", "给老板"), "zh", about_one=True)
    said = "For your dad, the watch rather suits fathers and business people, so not really a gift."
    assert contradicts_itself(said, "en", about_one=True)
    assert not contradicts_itself(said.replace("dad", "mum"), "en", about_one=True)
    pairs = "图中是一款红色手提包。红色与红色：{}，手提包与手表：不符，所以不是。"
    assert contradicts_itself(pairs.format("不符"), "zh", about_one=True)
    assert not contradicts_itself(pairs.format("相符"), "zh", about_one=True)
    assert contradicts_itself(
        pairs.format("相符").replace("所以不是", "所以是的"), "zh", about_one=True
    )
    seen = "The mug alone is shown, I cannot see a {}."
    assert contradicts_itself(seen.format("mug"), "en", about_one=True)
    assert not contradicts_itself(seen.format("hat"), "en", about_one=True)
    assert contradicts_itself("The red mug is blue.", "en", about_one=True)
    assert not contradicts_itself("The left mug is red, the other blue.", "en", about_one=False)
    assert contradict_each_other("The mug is red.", "This is a blue metal mug.", "en")
    assert not contradict_each_other("The mug is red.", "This is a red metal mug.", "en")


def test_the_area_and_the_calibration_error_are_those_of_the_textbook() -> None:
    ranked = [Scored(0.9, True), Scored(0.8, False), Scored(0.7, True), Scored(0.1, False)]
    assert area_under_curve(ranked) == pytest.approx(0.75)
    assert area_under_curve([Scored(0.5, True), Scored(0.5, False)]) == pytest.approx(0.5)
    assert area_under_curve([Scored(None, True), Scored(0.6, False)]) == 0.0
    assert calibration_error([Scored(0.95, True)] * 19 + [Scored(0.95, False)]) < 1e-9
    assert calibration_error([Scored(0.95, False)] * 4) == pytest.approx(0.95)


def test_two_photos_are_of_one_product_each() -> None:
    rng = Random(10)
    talks = [second_photo(rng, SCENES[at : at + 6], 0) for at in range(200)]
    for at, talk in enumerate(talks):
        assert (talk is None) is (
            len(SCENES[at].products) != 1
            or not any(len(one.products) == 1 for one in SCENES[at + 1 : at + 6])
        )
    assert {talk.second_at for talk in talks if talk} == {0, 1}


def test_a_right_answer_about_the_second_photo_is_right_and_one_about_the_first_is_not() -> None:
    rng, intents = Random(11), set()
    for at in range(400):
        one, two = SINGLES[at % len(SINGLES)], SINGLES[(at + 1) % len(SINGLES)]
        blank = Image.new("RGB", (8, 8))
        case = case_of_two(rng, (one, blank), (two, blank))
        case.answer = case.exchange.answer
        assert case.right, case.exchange
        intents.add(intent := case.exchange.intents[0][0])
        if intent == "what" and one.products[0].kind != two.products[0].kind:
            case.answer = ask(rng, one, language=case.exchange.language, intent="what").answer
            assert not case.right, case.exchange
    assert {"what", "colour", "material", "place", "suits_more", "which", "both", "same"} <= intents


def test_the_answer_about_a_gift_names_the_person_before_the_product_and_the_verdict() -> None:
    bag = Scene(0, (Product("handbag", "brown", "leather", "plain"),))
    said = [answers_zh.answer("gift", bag, "mum"), answers_en.answer("gift", bag, "mum")]
    assert said[0] == "送给妈妈的话，这款棕色手提包复古又实用，很合适。"
    assert said[1] == "For your mum, the brown handbag is retro and useful, so yes, a good gift."
    couple = answers_en.answer("gift", bag, "newlyweds")
    assert couple.startswith("For the newlyweds, the brown handbag rather suits ")
    asked = comparison(Random(1), (bag.products[0],) * 2, BESIDE["zh"], "zh")
    assert asked.intents[0][0] == "suits_more"
    assert re.match("送给.+的话，左边是棕色手提包：", asked.answer)


def test_products_above_each_other_are_called_so() -> None:
    upright = next(scene for scene in PAIRS if places_in(scene, "zh") != BESIDE["zh"])
    assert places_in(upright, "zh")[0].told == "上面"


def test_a_drawing_shows_no_material() -> None:
    drawing = visible(Scene(0, (Product("mug", "red", "metal", "plain"),), drawn=True))
    assert answers_zh.answer("material", drawing) == answers_zh.DRAWING
    assert answers_zh.answer("what", drawing) == "这是一款红色马克杯。"
    asked = ask(Random(0), drawing, language="zh", intent="material")
    assert correct(asked.answer, asked, drawing)
    assert not correct("这款马克杯看起来是拉丝金属。", asked, drawing)
