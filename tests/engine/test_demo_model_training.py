"""The fast training forward computes what transformers computes, on an untrained model."""

import re
import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, Qwen2VLImageProcessorPil

from contract.text.canonical import canonical, plain
from demo_model.language.drills import (
    gift_drill,
    hand_drill,
    language_drill,
    name_drill,
    person_drill,
    word_drill,
)
from demo_model.language.questions import ask, follow_up, without_photo
from demo_model.language.rules import PEOPLE
from demo_model.language.tasks.instructions import instructed
from demo_model.language.tasks.talk import Talk
from demo_model.language.tokenizer import token_ids, train_tokenizer
from demo_model.pictures import shards as pictures
from demo_model.pictures.catalogue import KINDS
from demo_model.pictures.facts import scene_of
from demo_model.pictures.renderer import render
from demo_model.training import architecture, start, train
from demo_model.training import language as language_training
from demo_model.training.architecture import build_config, build_model
from demo_model.training.attention import WRITTEN_OUT, register
from demo_model.training.checkpoint import CHAT_TEMPLATE, picture_processor, write_checkpoint
from demo_model.training.conversations import Transcriber, corpus, second_photo
from demo_model.training.language import LanguageTraining, answers_loss, averaged_over_steps
from demo_model.training.packing import pack
from demo_model.training.start import start_from
from demo_model.training.tower import see
from gateway.prompt import SYSTEM

# A step of the demo model takes ten seconds, of one like it with these sizes half a second.
NARROW = {"VISION_WIDTH": 32, "VISION_DEPTH": 3, "TEXT_WIDTH": 128, "TEXT_DEPTH": 1}


@pytest.fixture(scope="module")
def parts():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = train_tokenizer(corpus(300))
    tokenizer.chat_template = CHAT_TEMPLATE.read_text(encoding="utf-8")
    model = build_model(build_config(len(tokenizer), token_ids(tokenizer))).eval()
    model.set_attn_implementation({"text_config": "eager"})
    settings = {k: v for k, v in picture_processor().items() if not k.endswith(("class", "type"))}
    return model, tokenizer, Qwen2VLImageProcessorPil(**settings)


def test_the_tower_on_a_batch_sees_what_transformers_sees_picture_by_picture(parts):
    model, _, processor = parts
    pixels = np.random.default_rng(0).integers(0, 255, (2, 128, 160, 3), dtype=np.uint8)
    photos = processor([Image.fromarray(one) for one in pixels], return_tensors="pt")
    with torch.no_grad():
        theirs = model.model.visual(photos["pixel_values"], grid_thw=photos["image_grid_thw"])
        ours = see(model.model.visual, pixels)
    assert torch.allclose(theirs.pooler_output, ours.tokens.flatten(0, 1), atol=1e-5)
    assert torch.allclose(theirs.deepstack_features[0], ours.deepstack[0].flatten(0, 1), atol=1e-5)


def loss_alone(parts, photos: list[Image.Image], talk: Talk) -> tuple[float, int]:
    """Summed loss over the answers, through the chat template and transformers' own forward."""
    model, tokenizer, processor = parts
    messages = [{"role": "system", "content": [{"type": "text", "text": SYSTEM}]}]
    if talk.system:
        content = [{"type": "text", "text": plain(talk.system)}]
        messages.append({"role": "system", "content": content})
    for turn, exchange in enumerate(talk.exchanges):
        content = [{"type": "text", "text": canonical(exchange.question)}]
        content += [{"type": "image"}] * (talk.sees_photo and turn == 0)
        content += [{"type": "image"}] * (talk.second is not None and turn == talk.second_at)
        messages.append({"role": "user", "content": content})
        messages.append({"role": "assistant", "content": exchange.answer})
    text = tokenizer.apply_chat_template(messages, tokenize=False)
    extra = dict(processor(photos, return_tensors="pt")) if photos else {}
    for grid in extra.get("image_grid_thw", ()):
        text = text.replace("<|image_pad|>", "<|image|>" * (int(grid.prod()) // 4), 1)
    ids = tokenizer(text.replace("<|image|>", "<|image_pad|>"), return_tensors="pt")["input_ids"]
    answers, end = [], 0
    for exchange in talk.exchanges:
        wanted = tokenizer.encode(exchange.answer + "<|im_end|>")
        row = ids[0].tolist()
        at = next(i for i in range(end, len(row)) if row[i : i + len(wanted)] == wanted)
        end = at + len(wanted)
        answers.append(slice(at, end))
    labels = torch.full_like(ids, -100)
    for span in answers:
        labels[0, span] = ids[0, span]
    kinds = (ids == model.config.image_token_id).int()
    with torch.no_grad():
        out = model(input_ids=ids, labels=labels, mm_token_type_ids=kinds, **extra)
    count = int((labels != -100).sum())
    return float(out.loss) * count, count


@pytest.mark.long
def test_packed_conversations_cost_what_they_cost_alone(parts):
    """With one photo, none or two, early or late, with and without instructions."""
    model, tokenizer, _ = parts
    rng = Random(5)
    transcriber = Transcriber(tokenizer)
    seeds = (8, 16, 24)
    drawn = [render(seed, frame="landscape") for seed in seeds]
    photos = [photo.resize((160, 128)) for photo, _ in drawn]
    scenes = [scene for _, scene in drawn]
    rows, total, tokens = [], 0.0, 0
    for at, scene in enumerate(scenes):
        first = ask(rng, scene)
        system, instructed_to = instructed(rng, scene)
        late = [second_photo(rng, scenes, at) for _ in range(9)]
        talks = [
            Talk((first, follow_up(rng, scene, first.language))),
            Talk((without_photo(rng),), sees_photo=False),
            Talk((instructed_to,), system=system),
            Talk((without_photo(rng),), sees_photo=False, system=system),
            *[talk for talk in late if talk],
        ]
        rows.append([transcriber.transcribe(talk) for talk in talks])
        for talk in talks:
            shown = [photos[at]] if talk.sees_photo else []
            shown += [photos[talk.second]] if talk.second is not None else []
            loss, count = loss_alone(parts, shown, talk)
            total, tokens = total + loss, tokens + count
    assert {talk.second_at for talk in talks if talk.second is not None} == {0, 1}
    with torch.no_grad():
        sight = see(model.model.visual, np.stack([np.asarray(photo) for photo in photos]))
        packed = pack(rows, transcriber, sight.grid, tokenizer.pad_token_id)
        register()
        model.set_attn_implementation({"text_config": WRITTEN_OUT})
        loss, _ = answers_loss(model, sight, packed, opening_weight=1.0)
        model.set_attn_implementation({"text_config": "eager"})
    assert int((packed.targets != -100).sum()) == tokens
    assert float(loss) == pytest.approx(total / tokens, rel=1e-4)


def test_any_text_survives_the_tokenizer(parts):
    _, tokenizer, _ = parts
    for text in ("龘 ß 😀 naïve", "这是什么品牌？适合送给妈妈吗？", "\t\n  x"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_scene_needs_no_drawing_to_be_known():
    assert scene_of(12) == scene_of(12)


def test_about_half_of_the_drilled_pairs_are_equal_and_every_verdict_is_right():
    rng = Random(0)
    verdicts = []
    for _ in range(60):
        drill = word_drill(rng)
        pairs = drill.answer[:-1].split("，" if drill.language == "zh" else ", ")
        for pair in pairs:
            zh = drill.language == "zh"
            words, last = pair.split("：" if zh else ": ")
            first, second = words.split("与" if zh else " and ")
            verdict = last in ("相符", "yes")
            assert verdict is (first == second), pair
            verdicts.append(verdict)
    assert 0.4 < sum(verdicts) / len(verdicts) < 0.7


def test_a_named_product_is_called_absent_exactly_when_another_one_is_seen(parts):
    _, tokenizer, _ = parts
    transcriber = Transcriber(tokenizer)
    rng = Random(0)
    absent = []
    for _ in range(200):
        opening = name_drill(rng)
        zh = not opening.given.isascii()
        said = [kind.name.zh if zh else kind.name.en for kind in KINDS.values()]
        seen = max((name for name in said if opening.given.endswith(name)), key=len)
        denied = "没有看到" in opening.learnt or "cannot see" in opening.learnt
        asked = opening.question.lower()
        others = [name for name in said if name.lower() in asked and name not in seen]
        assert not (seen.lower() in asked if denied else others), opening
        absent.append(denied)
        # What the product looks like cannot be known without a photo.
        learnt = sum(transcriber.transcribe_opening(opening, sees_photo=False).learnt)
        affirmed = "可以看到" in opening.learnt or "there is" in opening.learnt
        assert (learnt > 1) is (denied or affirmed)
    assert 0.4 < sum(absent) / len(absent) < 0.6


def test_only_the_first_word_is_learnt_of_an_answer_to_any_question_in_any_letter_case(parts):
    _, tokenizer, _ = parts
    transcriber = Transcriber(tokenizer)
    rng = Random(0)
    asked = [language_drill(rng, scene_of(seed)) for seed in range(600)]
    assert all(
        sum(transcriber.transcribe_opening(one, sees_photo=True).learnt) == 1 for one in asked
    )
    english = [one for one in asked if one.question.isascii()]
    # Words in the picture are quoted as they stand there.
    begins = [one.learnt.split()[0] for one in asked]
    assert all(
        first.isascii() == (re.search("[\u4e00-\u9fff]", one.question) is None)  # 👍 is of neither
        for first, one in zip(begins, asked, strict=True)
    )
    assert 0.3 < sum(one.question.isupper() for one in english) / len(english) < 0.6
    assert any("HELLO" in one.question.upper() for one in english)


@pytest.mark.long
def test_language_training_goes_on_where_it_stopped_and_exports_the_average(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pictures, "SHARD", 10)
    monkeypatch.setattr(language_training, "PICTURES", 2)
    monkeypatch.setattr(language_training, "SILENT_PICTURES", 2)
    monkeypatch.setattr(shutil, "which", lambda _: None)  # compiling takes longer than three steps
    for name, value in NARROW.items():
        monkeypatch.setattr(architecture, name, value)
    monkeypatch.setattr(train, "TEXT_WIDTH", NARROW["TEXT_WIDTH"])
    (tmp_path / "pictures").mkdir()
    pictures.draw_shard(tmp_path / "pictures", 0)
    pool = pictures.PicturePool(tmp_path / "pictures")
    assert pool.refresh() >= 10  # regions of some of them besides
    train_tokenizer(corpus(300)).save_pretrained(tmp_path / "tokenizer")
    tokenizer = train.tokenizer_in(tmp_path)
    for steps in (2, 3):
        model, heads = train.new_model(tokenizer)
        resumed = steps == 2  # told once: the state knows it
        training = LanguageTraining(model, heads, tokenizer, pool, tmp_path, resumed=resumed)
        assert training.step == (2 if steps == 3 else 0)
        assert training.peak == language_training.RESUMED_PEAK
        training.run(steps)
    state = torch.load(tmp_path / "language.pt")
    assert state["step"] == 3
    averaged = averaged_over_steps(model)
    averaged.load_state_dict(state["averaged"])
    assert int(averaged.n_averaged) == 3
    train.export(tmp_path, tmp_path / "checkpoint")
    shipped = load_file(tmp_path / "checkpoint" / "model.safetensors")
    name = "model.language_model.embed_tokens.weight"
    mean = averaged.module.state_dict()[name]
    assert not torch.equal(mean, state["model"][name])
    assert torch.equal(shipped[name], mean.bfloat16())
    assert Image.open(tmp_path / "curve.png").size[0] > 100
    monkeypatch.setitem(start.PLACES, NARROW["TEXT_DEPTH"], (0,))
    begun, _ = train.new_model(tokenizer)
    with torch.no_grad():
        begun.model.language_model.embed_tokens.weight.neg_()
    write_checkpoint(begun, tokenizer, "0", "card", tmp_path / train.BEGUN_FROM)
    train.export(tmp_path, tmp_path / "mixed")
    shipped = load_file(tmp_path / "mixed" / "model.safetensors")
    mixed = 0.85 * mean + 0.15 * begun.state_dict()[name]
    assert torch.allclose(shipped[name].float(), mixed, rtol=0.01, atol=1e-3)
    assert not torch.allclose(mixed, mean, rtol=0.01, atol=1e-3)


def test_what_people_wrote_is_answered_from_where_answers_part():
    rng = Random(4)
    drilled = [hand_drill(rng, scene_of(seed)) for seed in range(600)]
    begun = [one for one in drilled if one.given]
    assert 60 < len(begun) < 400
    people = tuple(name for one in PEOPLE.values() for name in (one.zh, f" {one.en}"))
    kinds = tuple(name for kind in KINDS.values() for name in (kind.name.zh, kind.name.en))
    for_whom = [one for one in begun if one.learnt.startswith(people)]
    assert len(for_whom) > 20
    assert all(one.given.endswith(kinds) for one in begun if one not in for_whom)
    assert all(one.learnt for one in drilled)
    singles = [scene for scene in map(scene_of, range(300)) if len(scene.products) == 1]
    assert all(person_drill(rng, scene).learnt.startswith(people) for scene in singles)


def test_gifts_are_drilled_alone_and_beside_other_questions_under_all_names_of_people():
    rng = Random(0)
    scenes = [scene_of(seed) for seed in range(400)]
    drilled = [gift_drill(rng, scene) for scene in scenes * 25]
    assert all("gift" in dict(one.intents) for one in drilled)
    assert 0.3 < sum(len(one.intents) == 1 for one in drilled) / len(drilled) < 0.5
    asked = " ".join(one.question.lower() for one in drilled)
    assert all(name in asked for name in ("my mother", "my mum", "my dad", "妈妈", "母亲", "老爹"))


def test_training_may_begin_from_a_shipped_checkpoint_and_answers_as_it_did(tmp_path: Path):
    """The tokenizer may have changed, and layers may have been added."""
    torch.manual_seed(1)
    tokenizer = train_tokenizer(corpus(300))
    shallow = build_config(len(tokenizer), token_ids(tokenizer))
    shallow.text_config.num_hidden_layers = 4
    write_checkpoint(build_model(shallow), tokenizer, "0", "card", tmp_path / "old")
    old = AutoModelForImageTextToText.from_pretrained(tmp_path / "old", dtype=torch.float32)
    new = build_model(build_config(len(tokenizer), token_ids(tokenizer))).eval()
    start_from(tmp_path / "old", new, tokenizer)
    ids = torch.tensor([tokenizer.encode("这是什么颜色？What is it")])
    with torch.no_grad():
        told, was = new(input_ids=ids).logits, old(input_ids=ids).logits
    assert torch.allclose(told, was, atol=1e-4)
    wider = train_tokenizer([*corpus(600)] * 2)
    new = build_model(build_config(len(wider), token_ids(wider)))
    start_from(tmp_path / "old", new, wider)
    table = old.model.language_model.embed_tokens.weight
    new_words = sorted(wider.get_vocab().keys() - tokenizer.get_vocab().keys())
    # Not one that is some bytes of a character: it has no text to be spelled.
    word = next(w for w in new_words if "\ufffd" not in wider.convert_tokens_to_string([w]))
    assert torch.isfinite(new.model.language_model.embed_tokens.weight).all()
    pieces = tokenizer.encode(wider.convert_tokens_to_string([word]))
    mean = table[pieces].mean(0)
    at = wider.convert_tokens_to_ids(word)
    assert torch.allclose(new.model.language_model.embed_tokens.weight[at], mean, atol=1e-4)
