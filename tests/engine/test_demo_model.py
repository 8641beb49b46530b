"""The demo world is consistent, and the shipped checkpoint answers about its sample pictures."""

import io
import json
import re
from itertools import product as every
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image

from demo_model.evaluation.chat import DemoChat
from demo_model.evaluation.samples import (
    BASICS,
    FIRST_SAMPLE_SEED,
    SAMPLES,
    WISHES,
    mistakes_about,
)
from demo_model.evaluation.scoring import correct, language_right
from demo_model.language import answers_en, answers_zh, phrasings_en, phrasings_zh
from demo_model.language.questions import WEIGHTS, ask
from demo_model.language.rules import PEOPLE
from demo_model.language.single import Exchange
from demo_model.pictures.catalogue import COLOURS, KINDS
from demo_model.pictures.facts import FIRST_HELD_OUT_SEED, Product, Scene, scene_of
from demo_model.pictures.renderer import frame_of, render, render_jpeg
from demo_model.pictures.shards import SHARD, Picture, _pixels
from demo_model.training.heads import CLASSES, IGNORED, Heads, heads_loss, labels_of
from demo_model.training.train import SHARDS
from demo_model.training.vision import VALIDATION_SEED
from tests.support import ROOT

CHECKPOINT = ROOT / "demo_model/checkpoint"


@pytest.mark.parametrize("seed", [1, 5, 6, 7, FIRST_HELD_OUT_SEED])
def test_a_seed_always_gives_the_same_picture_and_facts(seed: int) -> None:
    one, scene = render(seed)
    two, again = render(seed)
    assert np.array_equal(np.asarray(one), np.asarray(two))
    assert scene == again


def test_every_kind_can_be_drawn_and_fills_its_frame() -> None:
    drawn = set()
    for seed in range(200):
        scene = scene_of(seed)
        if len(scene.products) != 1 or scene.products[0].kind in drawn:
            continue
        photo, _ = render(seed, unit=16)
        drawn.add(scene.products[0].kind)
        assert np.asarray(photo).std() > 10
    assert drawn == set(KINDS)


def test_training_pictures_and_held_out_pictures_share_no_seed() -> None:
    assert SHARDS * SHARD < FIRST_HELD_OUT_SEED < FIRST_SAMPLE_SEED < VALIDATION_SEED


def test_held_out_phrasings_are_not_trained_on() -> None:
    for phrasings in (phrasings_zh, phrasings_en):
        for intent, held_out in phrasings.HELD_OUT.items():
            seen = {
                way.replace("{it}", it)
                for key, ways in phrasings.SEEN.items()
                if key.split(":")[0] == intent.split(":")[0]
                for way in ways
                for it in phrasings.REFERENCES
            }
            asked = {way.replace("{it}", it) for way in held_out for it in phrasings.REFERENCES}
            assert not asked & seen, intent
        assert phrasings.HELD_OUT.keys() <= phrasings.SEEN.keys()
        assert {key.split(":")[0] for key in phrasings.SEEN} == set(WEIGHTS)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("intent", WEIGHTS)
def test_every_product_can_be_asked_everything_in_both_languages(
    intent: str, language: str
) -> None:
    rng = Random(intent)
    products = [
        Product(kind.key, rng.choice(list(COLOURS)), material, pattern, brand)
        for kind in KINDS.values()
        for material, (pattern, brand) in every(
            kind.materials, [("plain", None), ("checked", "KELVO")]
        )
    ]
    for item in products:
        scene = Scene(0, (item,))
        asked = ask(rng, scene, language=language, intent=intent)
        assert language_right(asked.answer, language), asked
        assert correct(asked.answer, asked, scene), asked


def test_a_picture_without_a_product_and_one_with_two_have_answers_too() -> None:
    rng = Random(0)
    two = (Product("mug", "red", "metal", "plain"), Product("hat", "blue", "straw", "plain"))
    for scene in (Scene(0, ()), Scene(1, two)):
        for _ in range(400):
            asked = ask(rng, scene)
            assert correct(asked.answer, asked, scene), asked
    assert answers_zh.answer("what", Scene(0, ())) == answers_zh.NO_PRODUCT
    assert answers_en.answer("what", Scene(1, two)).count("mug") == 1


def test_wrong_facts_are_judged_wrong() -> None:
    red, blue = (
        Scene(0, (Product("mug", colour, "metal", "plain"),)) for colour in ("red", "blue")
    )
    asked = ask(Random(1), red, language="en", intent="colour")
    assert correct(asked.answer, asked, red)
    assert not correct(answers_en.answer("colour", blue), asked, red)
    assert not correct(answers_zh.answer("colour", red), asked, red)
    assert not correct("The mug is red or blue.", asked, red)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("intent", ["match", "verdict", "presence", "genuine", "gift", "steak"])
def test_the_opposite_verdict_is_judged_wrong(intent: str, language: str) -> None:
    rng = Random(intent)
    pan = Scene(0, (Product("pan", "red", "metal", "plain"),))
    pot = Scene(0, (Product("pan", "red", "ceramic", "plain"),))
    sofa = Scene(0, (Product("sofa", "blue", "leather", "plain"),))
    answers = answers_zh if language == "zh" else answers_en
    other = {
        "match": lambda asked: (pan, {"yes": "no", "no": "yes"}),
        "verdict": lambda asked: (pan, {"yes": "no", "no": "yes"}),
        "presence": lambda asked: (sofa, {}),
        "genuine": lambda asked: (sofa, {}),
        "gift": lambda asked: (sofa, {}),
        "steak": lambda asked: (pot, {}),
    }[intent]
    detail = {"presence": getattr(KINDS["pan"].name, language), "gift": "dad"}.get(intent)
    for _ in range(20):
        asked = ask(rng, pan, language=language, intent=intent)
        if detail and asked.intents[0][1] != detail:
            continue
        scene, swapped = other(asked)
        truth, colon, claim = asked.intents[0][1].partition(":")
        wrong = answers.answer(intent, scene, swapped.get(truth, truth) + colon + claim)
        assert correct(asked.answer, asked, pan)
        assert not correct(wrong, asked, pan), (asked, wrong)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("intent", ["brand", "text", "what", "price"])
def test_not_seeing_what_is_plainly_there_is_no_right_answer(intent: str, language: str) -> None:
    sofa = Scene(0, (Product("sofa", "grey", "knit", "plain"),))
    asked = ask(Random(3), sofa, language=language, intent=intent)
    answers = answers_zh if language == "zh" else answers_en
    denial = answers.answer("absent", sofa, getattr(KINDS["sofa"].name, language))
    assert correct(asked.answer, asked, sofa)
    assert not correct(denial, asked, sofa)


def test_what_is_seen_comes_before_the_verdict() -> None:
    bag = Product("backpack", "black", "canvas", "plain")
    zh = answers_zh.answer("match", Scene(0, (bag,)), "no:红色手提包")
    en = answers_en.answer("match", Scene(0, (bag,)), "no:a red handbag")
    assert zh == "图中是一款黑色帆布双肩包。红色与黑色：不符，手提包与双肩包：不符，所以不是。"
    seen, _, compared = en.partition("; ")
    assert seen == "This is a black canvas backpack"
    assert compared == "red and black: no, handbag and backpack: no, so no."


def test_nobody_is_told_that_a_gift_suits_and_does_not_suit_the_same_person() -> None:
    for person, names in PEOPLE.items():
        for kind in KINDS:
            for colour in COLOURS:
                product = Product(kind, colour, KINDS[kind].materials[0], "plain")
                said = answers_zh.answer("gift", Scene(0, (product,)), person)
                if "不太适合" in said:
                    assert names.zh not in said.split("不太适合")[0], said


def test_a_gift_for_somebody_else_than_asked_about_is_no_right_answer() -> None:
    bag = Scene(0, (Product("handbag", "brown", "leather", "plain"),))
    exchange = Exchange("Would it suit my mother?", "", "en", (("gift", "mum"),))
    said = answers_en.answer("gift", bag, "mum")
    assert correct(said, exchange, bag)
    assert not correct(said.replace("mum", "dad"), exchange, bag)


def test_two_products_are_labelled_in_reading_order_and_never_mirrored() -> None:
    seed = next(seed for seed in range(500) if len(scene_of(seed).products) == 2)
    jpeg = render_jpeg(seed, frame="square")
    picture = Picture(scene_of(seed), jpeg, "square")
    plain = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    for chance in range(8):
        assert np.array_equal(_pixels(picture, None, Random(chance)), plain)
    labels = labels_of([picture.scene])
    first, second = picture.scene.products
    assert CLASSES["kind_0"][labels["kind_0"]] == first.kind
    assert CLASSES["colour_1"][labels["colour_1"]] == second.colour
    assert labels["kind"] == IGNORED


def test_a_batch_without_pairs_has_a_finite_loss() -> None:
    scene = Scene(0, (Product("mug", "red", "metal", "plain"),))
    scores = Heads(8)(torch.ones(1, 4, 8))
    assert torch.isfinite(heads_loss(scores, labels_of([scene])))


def test_one_picture_in_eight_of_each_other_shape() -> None:
    shapes = [frame_of(seed) for seed in range(16)]
    assert shapes.count("square") == 10
    assert {shapes.count(name) for name in ("landscape", "portrait")} == {2}
    assert {shapes.count(name) for name in ("wide", "tall")} == {1}


def test_the_shipped_folder_has_the_layout_of_the_real_repository() -> None:
    files = {path.name for path in CHECKPOINT.iterdir()}
    assert files >= {
        *("config.json", "generation_config.json", "model.safetensors", "tokenizer.json"),
        *("tokenizer_config.json", "preprocessor_config.json", "video_preprocessor_config.json"),
        *("chat_template.jinja", "README.md", "shopsight.json"),
    }
    assert json.loads((CHECKPOINT / "shopsight.json").read_text())["demo"] is True
    assert (CHECKPOINT / "model.safetensors").stat().st_size < 20_000_000
    architecture = json.loads((CHECKPOINT / "config.json").read_text())["architectures"]
    assert architecture == ["Qwen3VLForConditionalGeneration"]


def test_the_page_has_its_sample_photos() -> None:
    samples = json.loads((ROOT / SAMPLES / "samples.json").read_text())
    assert 8 <= len(samples) <= 12
    for sample in samples:
        data = (ROOT / SAMPLES / sample["file"]).read_bytes()
        assert Image.open(io.BytesIO(data)).format == "JPEG"
        assert all(sample[key] for key in ("alt_zh", "alt_en", "ask_zh", "ask_en", "facts"))


def test_what_the_page_and_the_readme_suggest_is_asked_of_each_sample_photo() -> None:
    asked = {question for zh, en, _ in BASICS for question in (zh, en)}
    words = "".join(path.read_text() for path in (ROOT / "web" / "words").glob("*.js"))
    chips = set(re.findall(r'chip\d: "([^"]+)"', words))
    assert len(chips) == 8
    assert chips <= asked
    readme = (ROOT / "README.md").read_text().replace("*", "")
    assert all(words in readme for words in next(each for each in BASICS if "?" in each[0])[:2])


@pytest.mark.long
def test_the_shipped_checkpoint_answers_what_is_asked_first_of_each_sample_photo() -> None:
    torch.set_num_threads(1)
    chat = DemoChat(CHECKPOINT)
    for wish in WISHES:
        photo = Image.open(ROOT / SAMPLES / f"{wish.name}.jpg")
        scene = Scene(0, (wish.product,) if wish.product else ())
        assert mistakes_about(chat, photo, scene, wish) == 0, wish.name
