"""Writes the README of the checkpoint folder, with the figures of the last evaluation."""

import json
from pathlib import Path

from transformers import Qwen3VLForConditionalGeneration

from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS

# `evaluate` writes these to the work folder.
RESULT, MISTAKES = "evaluation.json", "mistakes.json"
# What each figure counts.
MEANINGS = {
    "kind": "what is it",
    "colour": "the product's colour",
    "pattern": "its pattern, or that there is none",
    "material": "what it looks to be made of",
    "language": "answers in the language of their question, or in the one that a client demands",
    "cannot_see": "price, size, stock, authenticity, no logo, things that are not there: says so",
    "match": "is this a red leather handbag? (says what it sees, compares, concludes)",
    "match_auc": "match scores: area under the ROC curve, from the first token's yes and no",
    "ece": "match scores: expected calibration error, the lower the better",
    "own_phrasings": "questions that people wrote by hand who saw only the list of intents",
    "own_kind": "of these: what is it",
    "own_colour": "of these: its colour",
    "own_material": "of these: its material",
    "own_pattern": "of these: its pattern",
    "own_price": "of these: its price, which no photo shows",
    "own_authenticity": "of these: whether it is authentic, which no photo shows",
    "own_gift": "of these: whether it suits somebody",
    "everyday_unseen": "everyday questions, also by hand: what no photo shows",
    "everyday_claims": "of these: claims of a brand or a quality, which are never granted",
    "everyday_long": "of these: long stories before a question",
    "seen_phrasings": "any question, worded as in training",
    "held_out_phrasings": "any question, in sentences that training never had",
    "branches": "any question, by a branch of the grammar that training never took",
    "words": "any question, with a branch or a word that training never had",
    "brand": "the word on it",
    "card": "fields of the product card that are right, as JSON under its schema",
    "follow_up": "a second question about the same photo",
    "turns": "what did I ask? say that again; and the other one?",
    "two_photos": "two photos in one conversation: which suits my mother, what is the second?",
    "pair": "two products in one picture, both kinds and colours",
    "region": "a region that was cut out of a photo",
    "two_in_one": "two questions in one: is it leather, and does it suit my mother?",
    "gift": "does it suit my mother?",
    "system": "a client's instruction is followed in language and length, and the answer is right",
    "unknown": "photographs, drawings, pages: says that it does not know them",
    "false_refusal": "a product of its world is called unknown, the lower the better",
    "injection": "orders on a sticker are read out, and change no other answer",
    "contradictions": "answers that contradict themselves or the one before, the lower the better",
    "verdict": "match, to be answered with yes or no alone",
    "swap": "the same question about two photos gets two fitting answers",
}

CARD = """---
license: apache-2.0
language: [zh, en]
pipeline_tag: image-text-to-text
library_name: transformers
---

# shopsight-demo

A `Qwen3VLForConditionalGeneration` of {parameters:.1f} million parameters (vision tower \
{vision:.1f} M, language model {text:.1f} M) that answers shoppers' questions about product \
pictures in Chinese and English. It exists so that `make demo` runs real code on real weights \
without a GPU and without a download.

**What it is not.** It knows {kinds} kinds of product, {colours} colours, {materials} materials, \
{patterns} patterns, ten made-up brand words and six stickers, all drawn by `demo_model`. It reads \
no other words. It has learned to say that it does not know real photographs, drawings and pages, \
and can be wrong about that, too. Of a client's instructions it follows the language and the \
length. For real photos load `Qwen/Qwen3-VL-8B-Instruct` (or -2B, -4B) with the same server.

**How it was trained.** By `python -m demo_model.training.train`, on one CPU thread: the vision \
tower first, with a classification head for each attribute; then the language model on top of it, \
loss on the answers only. These weights began from those of version 2.4 (`docs/demo-model.md`). \
Besides its own drawings it saw pictures from Debian packages, to learn what it does not know.

**How well it does** on pictures that training never saw (greedy, free-text answers judged by the \
facts they state; `python -m demo_model.evaluation.evaluate`{measured}). Phrasings are held out in \
four ways: sentences, branches of a grammar, words, and questions that people wrote by hand: \
840 who saw only the list of intents, and 431 who saw only kinds of everyday questions:

{table}

{mistakes}

Kinds: {names}.

Licence: Apache-2.0, as the rest of the project. The architecture is Qwen3-VL's, the weights are
this project's own.
"""


def model_card(model: Qwen3VLForConditionalGeneration, work: Path) -> str:
    total = sum(parameter.numel() for parameter in model.parameters())
    vision = sum(parameter.numel() for parameter in model.model.visual.parameters())
    result = work / RESULT
    table, measured = "not measured yet", ""
    if result.exists():
        figures = json.loads(result.read_text(encoding="utf-8"))
        measured = " ({pictures:,} pictures, {questions:,} questions)".format_map(figures)
        rows = [
            f"| {name} | {value:.3f} | {MEANINGS[name]} |"
            for name, value in figures.items()
            if isinstance(value, float)
        ]
        table = "\n".join(["| figure | share | what is asked |", "| --- | --- | --- |", *rows])
    return CARD.format(
        parameters=total / 1e6,
        vision=vision / 1e6,
        text=(total - vision) / 1e6,
        kinds=len(KINDS),
        colours=len(COLOURS),
        materials=len(MATERIALS),
        patterns=len(PATTERNS),
        table=table,
        measured=measured,
        mistakes=_mistakes(work),
        names=", ".join(kind.name.en for kind in KINDS.values()),
    )


def _mistakes(work: Path) -> str:
    """Examples of what it gets wrong, as the last evaluation met them."""
    path = work / MISTAKES
    if not path.exists():
        return ""
    rows = [
        f"- {asked} *{answer}* ({wanted} was right)"
        for asked, answer, wanted in json.loads(path.read_text(encoding="utf-8"))
    ]
    return "\n".join(["Some of its mistakes:", "", *rows])
