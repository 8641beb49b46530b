"""Measures the checkpoint on pictures and phrasings that training never saw.

    python -m demo_model.evaluation.evaluate --pictures 1000

It uses the tokenizer and the processor of the checkpoint folder, and judges answers by the facts
that they state. The last line is `RESULT {json}`.
"""

import argparse
import io
import json
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from random import Random

import torch
from PIL import Image

from contract.products.match import match_question, match_score
from demo_model.evaluation import own_phrasings
from demo_model.evaluation.cases import Case, case_of_two, cases_about, cases_of_outside
from demo_model.evaluation.chat import DemoChat, Question
from demo_model.evaluation.contradictions import contradict_each_other, contradicts_itself
from demo_model.evaluation.probabilities import Scored, area_under_curve, calibration_error
from demo_model.evaluation.scoring import honest, language_right, stated
from demo_model.evaluation.tasks import right_fields
from demo_model.language.claims import claim_about
from demo_model.language.questions import ask
from demo_model.pictures.facts import FIRST_HELD_OUT_SEED, Scene, visible
from demo_model.pictures.renderer import render
from demo_model.pictures.shards import Picture, outside_pictures
from demo_model.training.checkpoint import CHECKPOINT
from demo_model.training.model_card import MEANINGS, MISTAKES, RESULT
from demo_model.training.train import WORK

BATCH = 64
OUTSIDE = WORK / "outside" / "test"
# An evaluation of fewer pictures is a quick look, which no model card tells.
FEWEST_TOLD = 200
Drawn = tuple[Scene, Image.Image]


def answer_all(chat: DemoChat, cases: list[Case]) -> None:
    # Questions of similar length share a batch, for less padding.
    ordered = sorted(cases, key=_length)
    for start in range(0, len(ordered), BATCH):
        group = ordered[start : start + BATCH]
        answers = chat.answer([case.asked for case in group])
        for case, answer in zip(group, answers, strict=True):
            case.answer = answer
        print(f"{start + len(group)}/{len(ordered)} answered", file=sys.stderr, end="\r")
    print(file=sys.stderr)


def _length(case: Case) -> tuple[int, bool, int]:
    """Cards are long answers, and cost a batch as many steps as the longest."""
    told = sum(len(text) for turn in case.asked.earlier for text in turn)
    photos = len(case.asked.photos)
    return photos, case.figure == "card", len(case.asked.text) + told


def swapped(chat: DemoChat, singles: list[Drawn], count: int) -> float:
    """Share of pairs of photos in which the same question gets the answer that fits each photo."""
    pairs: list[tuple[Drawn, Drawn]] = []
    for (scene, photo), (other, other_photo) in pairwise(singles):
        if scene.products[0].kind != other.products[0].kind and len(pairs) < count:
            pairs.append(((scene, photo), (other, other_photo)))
    changed = []
    for start in range(0, len(pairs), BATCH // 2):
        group = pairs[start : start + BATCH // 2]
        words = "这是什么？" if start % BATCH else "What is this?"
        answers = chat.answer([Question(words, photo) for pair in group for _, photo in pair])
        language = "zh" if start % BATCH else "en"
        for (one, two), first, second in zip(group, answers[::2], answers[1::2], strict=True):
            kinds = [stated(text, "kind", language) for text in (first, second)]
            wanted = [{one[0].products[0].kind}, {two[0].products[0].kind}]
            changed.append(first != second and kinds == wanted)
    return sum(changed) / max(1, len(changed))


def match_scores(chat: DemoChat, pictures: list[Drawn], rng: Random) -> list[Scored]:
    """Claims about pictures, as the gateway asks for a score."""
    asked: list[tuple[Question, bool]] = []
    for scene, photo in pictures:
        for language in ("zh", "en"):
            claim, truth = claim_about(rng, scene, language, bare=True)
            asked.append((Question(match_question(claim, language), photo), truth == "yes"))
    scored = []
    for start in range(0, len(asked), BATCH):
        group = asked[start : start + BATCH]
        tokens = chat.first_tokens([question for question, _ in group])
        scored += [
            Scored(match_score(likeliest), true)
            for (_, true), likeliest in zip(group, tokens, strict=True)
        ]
    return scored


def contradicting(chat: DemoChat, cases: list[Case], singles: list[Drawn], rng: Random) -> float:
    """Share of answers that contradict themselves, or the model's own earlier answer."""
    contradictory = [
        contradicts_itself(
            case.answer,
            case.exchange.language,
            about_one=len(case.scene.products) == 1 and not case.others,
        )
        for case in cases
    ]
    first = []
    for scene, photo in singles:
        exchange = ask(rng, scene, intent=rng.choice(["what", "describe", "colour", "material"]))
        first.append(Case("", exchange, scene, Question(exchange.question, photo)))
    answer_all(chat, first)
    second = []
    for case in first:
        language = case.exchange.language
        intent = rng.choice(["what", "colour", "material", "pattern", "gift", "match"])
        exchange = ask(rng, case.scene, language=language, intent=intent)
        earlier = [(case.exchange.question, case.answer)]
        asked = Question(exchange.question, case.asked.photo, earlier)
        second.append(Case("", exchange, case.scene, asked))
    answer_all(chat, second)
    contradictory += [
        contradict_each_other(one.answer, two.answer, one.exchange.language)
        for one, two in zip(first, second, strict=True)
    ]
    return sum(contradictory) / len(contradictory)


def strangers(folder: Path, count: int, rng: Random) -> list[Picture]:
    """Pictures that are not of the demo world, at most so many; none where none were made."""
    if not folder.exists():
        print(f"no pictures in {folder}: `unknown` is not measured", file=sys.stderr)
        return []
    found = outside_pictures(folder)
    return rng.sample(found, min(count, len(found)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument(
        "--outside", type=Path, default=OUTSIDE, help="pictures not of the demo world, for the test"
    )
    parser.add_argument("--mistakes", type=int, default=0, help="print so many wrong answers")
    parser.add_argument("--work", type=Path, default=WORK, help="where the model card finds them")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chat = DemoChat(options.checkpoint)
    rng = Random("evaluation")
    pictures: list[Drawn] = []
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + options.pictures):
        # Every fourth picture has the size of a real upload, so that the processor must reduce it.
        photo, scene = render(seed, unit=128 if seed % 4 == 0 else 32)
        pictures.append((visible(scene), photo))
    cases = [case for scene, photo in pictures for case in cases_about(scene, photo, rng)]
    singles = [(scene, photo) for scene, photo in pictures if len(scene.products) == 1]
    cases += [case_of_two(rng, one, two) for one, two in pairwise(singles)]
    for stranger in strangers(options.outside, options.pictures, rng):
        photo = Image.open(io.BytesIO(stranger.jpeg)).convert("RGB")
        cases += cases_of_outside(rng, stranger.scene, photo)
    cases += own_phrasings.cases(singles, max(1, options.pictures // 400))
    cases += own_phrasings.everyday(singles)
    answer_all(chat, cases)
    figures = counted(cases)
    figures["swap"] = swapped(chat, singles, 100)
    figures["contradictions"] = contradicting(chat, cases, singles, rng)
    scored = match_scores(chat, pictures, rng)
    figures["match_auc"] = area_under_curve(scored)
    figures["ece"] = calibration_error(scored)
    wrong = [case for case in cases if not case.right and not case.own]
    shown = Random(1).sample(wrong, min(options.mistakes, len(wrong)))
    for case in shown:
        print(case.figure, case.scene.products, case.exchange.question, "→", case.answer, sep=" | ")
    result = {name: round(figures[name], 4) for name in MEANINGS if name in figures}
    totals = {"pictures": options.pictures, "questions": len(cases)}
    if options.pictures >= FEWEST_TOLD and options.work.exists():
        (options.work / RESULT).write_text(json.dumps({**result, **totals}), encoding="utf-8")
        told = [(c.exchange.question, c.answer, c.exchange.answer) for c in shown]
        (options.work / MISTAKES).write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    print("RESULT " + json.dumps({**result, **totals}))


def counted(cases: list[Case]) -> dict[str, float]:
    """The share of right answers by figure, and what is counted across figures."""
    outcome: dict[str, list[bool]] = defaultdict(list)
    for case in cases:
        outcome[case.own or case.figure].append(case.right)
        language = case.exchange.language
        if case.figure == "card":
            outcome["card"].pop()
            outcome["card"] += right_fields(case.answer, case.scene, language)
            continue
        if case.own.startswith("own_"):
            outcome["own_phrasings"].append(case.right)
        outcome["language"].append(_fits(case.answer, language))
        if case.scene.products:
            outcome["false_refusal"].append(_refuses(case))
    return {name: sum(values) / max(1, len(values)) for name, values in outcome.items()}


def _fits(answer: str, language: str) -> bool:
    """A quoted question may be in another language than the answer."""
    return language_right(answer.partition("\n")[0], language)


def _refuses(case: Case) -> bool:
    """Whether it does not know a product of the demo world. Some questions ask for no product."""
    known = any(intent in ("who", "offtopic", "no_photo") for intent, _ in case.exchange.intents)
    return not known and honest(case.answer, case.exchange.language)


if __name__ == "__main__":
    main()
