"""Measures the checkpoint on pictures and phrasings that training never saw.

    python -m demo_model.evaluation.evaluate --pictures 1000

It uses the tokenizer and the processor of the checkpoint folder, and judges answers by the facts
that they state. The last line is `RESULT {json}`.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

import torch
from PIL import Image

from demo_model.evaluation.chat import DemoChat, Question
from demo_model.evaluation.scoring import (
    agrees,
    brands_in,
    correct,
    denies_a_thing,
    language_right,
    says_cannot,
    stated,
)
from demo_model.language.questions import Exchange, ask, combined, follow_up, without_photo
from demo_model.pictures.facts import FIRST_HELD_OUT_SEED, Scene
from demo_model.pictures.renderer import render
from demo_model.training.checkpoint import CHECKPOINT
from demo_model.training.model_card import RESULT
from demo_model.training.train import WORK

BATCH = 64
ATTRIBUTES = {"kind": "what", "colour": "colour", "pattern": "pattern", "material": "material"}
UNKNOWABLE = ("price", "size", "stock", "authentic")


@dataclass
class Case:
    """One question, and the figure that its answer counts in."""

    figure: str
    exchange: Exchange
    scene: Scene
    photo: Image.Image | None
    earlier: list[tuple[str, str]]
    answer: str = ""

    @property
    def right(self) -> bool:
        if self.figure in ATTRIBUTES:
            wanted = getattr(self.scene.products[0], self.figure)
            found = stated(self.answer, self.figure, self.exchange.language)
            unsaid = self.figure == "pattern" and wanted == "plain" and not found
            return found == {wanted} or unsaid
        if self.figure in ("match", "verdict"):  # other figures count what these answers describe
            return agrees(self.answer, self.figure) is self.exchange.intents[0][1].startswith("yes")
        if self.figure == "cannot_see":
            fits = language_right(self.answer, self.exchange.language)
            no_photo = self.photo is None and ("上传" in self.answer or "upload" in self.answer)
            cannot = says_cannot(self.answer, self.exchange.language)
            intent, detail = self.exchange.intents[0]
            if intent == "absent":  # the answer must name the absent thing
                fits = fits and detail in self.answer
            elif denies_a_thing(self.answer):
                return False
            return fits and (no_photo or cannot) and not brands_in(self.answer)
        return correct(self.answer, self.exchange, self.scene)


def cases_about(scene: Scene, photo: Image.Image, rng: Random) -> Iterable[Case]:
    """Questions about one picture. Figures about facts mix phrasings of training with held-out
    ones."""

    def case(figure: str, exchange: Exchange) -> Case:
        return Case(figure, exchange, scene, photo, [])

    product = scene.products[0] if len(scene.products) == 1 else None
    if product:
        for figure, intent in ATTRIBUTES.items():
            unseen = rng.random() < 0.5
            yield case(figure, ask(rng, scene, intent=intent, held_out=unseen))
        for intent in ("match", "verdict"):
            yield case(intent, ask(rng, scene, intent=intent, held_out=rng.random() < 0.5))
        yield case("gift", ask(rng, scene, intent="gift", held_out=rng.random() < 0.5))
        pair = (rng.choice(("genuine", "material", "brand")), "gift")
        yield case("two_in_one", combined(rng, scene, rng.choice(("zh", "en")), pair))
        yield case("cannot_see", ask(rng, scene, intent=rng.choice(UNKNOWABLE)))
        yield case("cannot_see", ask(rng, scene, intent="absent"))
        brand = case("brand", ask(rng, scene, intent="brand"))
        yield brand if product.brand else case("cannot_see", brand.exchange)
    elif not scene.products:
        for intent in ("what", "colour", "brand", "describe"):
            yield case("cannot_see", ask(rng, scene, intent=intent))
    else:
        yield case("pair", ask(rng, scene, intent="what"))
    yield case("seen_phrasings", ask(rng, scene))
    yield case("seen_phrasings", ask(rng, scene))
    yield case("held_out_phrasings", ask(rng, scene, held_out=True))
    yield case("held_out_phrasings", ask(rng, scene, held_out=True))
    if rng.random() < 0.3:
        first = ask(rng, scene)
        second = follow_up(rng, scene, first.language)
        earlier = [(first.question, first.answer)]
        yield Case("follow_up", second, scene, photo, earlier)
    if rng.random() < 0.1:
        yield Case("cannot_see", without_photo(rng), scene, None, [])


def answer_all(chat: DemoChat, cases: list[Case]) -> None:
    # Questions of similar length share a batch, for less padding.
    ordered = sorted(cases, key=lambda case: (case.photo is None, len(case.exchange.question)))
    for start in range(0, len(ordered), BATCH):
        group = ordered[start : start + BATCH]
        asked = [Question(case.exchange.question, case.photo, case.earlier) for case in group]
        for case, answer in zip(group, chat.answer(asked), strict=True):
            case.answer = answer
        print(f"{start + len(group)}/{len(ordered)} answered", file=sys.stderr, end="\r")
    print(file=sys.stderr)


def swapped(chat: DemoChat, singles: list[tuple[Scene, Image.Image]], count: int) -> float:
    """Share of pairs of photos in which the same question gets the answer that fits each photo."""
    pairs: list[tuple[tuple[Scene, Image.Image], tuple[Scene, Image.Image]]] = []
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--mistakes", type=int, default=0, help="print so many wrong answers")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chat = DemoChat(options.checkpoint)
    rng = Random("evaluation")
    cases: list[Case] = []
    singles = []
    for seed in range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + options.pictures):
        # Every fourth picture has the size of a real upload, so that the processor must reduce it.
        photo, scene = render(seed, unit=128 if seed % 4 == 0 else 32)
        cases += cases_about(scene, photo, rng)
        if len(scene.products) == 1:
            singles.append((scene, photo))
    answer_all(chat, cases)
    outcome: dict[str, list[bool]] = defaultdict(list)
    for case in cases:
        outcome[case.figure].append(case.right)
        outcome["language"].append(language_right(case.answer, case.exchange.language))
    wrong = [case for case in cases if not case.right]
    for case in Random(1).sample(wrong, min(options.mistakes, len(wrong))):
        print(case.figure, case.scene.products, case.exchange.question, "→", case.answer, sep=" | ")
    order = (
        "kind colour pattern material language cannot_see match seen_phrasings held_out_phrasings"
    )
    names = [*order.split(), *sorted(set(outcome) - set(order.split()))]
    figures = {name: sum(outcome[name]) / max(1, len(outcome[name])) for name in names}
    figures["swap"] = swapped(chat, singles, 100)
    result = {name: round(value, 4) for name, value in figures.items()}
    counted = {"pictures": options.pictures, "questions": len(cases)}
    if options.pictures >= 500 and WORK.exists():
        (WORK / RESULT).write_text(json.dumps(result), encoding="utf-8")
    print("RESULT " + json.dumps({**result, **counted}))


if __name__ == "__main__":
    main()
