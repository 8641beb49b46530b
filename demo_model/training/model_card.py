"""Writes the README of the checkpoint folder, with the figures of the last evaluation."""

import json
from pathlib import Path

from transformers import Qwen3VLForConditionalGeneration

from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS

RESULT = "evaluation.json"  # `evaluate` writes it to the work folder
# What each figure counts.
MEANINGS = {
    "kind": "what is it",
    "colour": "the product's colour",
    "pattern": "its pattern, or that there is none",
    "material": "what it looks to be made of",
    "language": "answers in the language of their question",
    "cannot_see": "price, size, stock, authenticity, no logo, things that are not there: says so",
    "match": "is this a red leather handbag? (says what it sees, compares, concludes)",
    "seen_phrasings": "any question, worded as in training",
    "held_out_phrasings": "any question, worded as never in training",
    "brand": "the word on it",
    "follow_up": "a second question about the same photo",
    "gift": "does it suit my mother?",
    "pair": "two products in one picture, both kinds and colours",
    "two_in_one": "two questions in one: is it leather, and does it suit my mother?",
    "verdict": "the same as match, to be answered with yes or no alone: a guess, do not use it",
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

**What it is not.** It has never seen a photograph. It knows {kinds} kinds of product, {colours} \
colours, {materials} materials, {patterns} patterns and ten made-up brand words, all drawn by \
`demo_model`. About anything else it will answer something, and be wrong. For real \
photos load `Qwen/Qwen3-VL-8B-Instruct` (or -2B, -4B) with the same server. Its chat template \
leaves out system turns: it has learned one job and follows no instructions.

**How it was trained.** From nothing, by `python -m demo_model.training.train`, on one CPU \
thread: the vision tower first, with a classification head for each attribute; then the language \
model on top of it, loss on the answers only. The weights here took several runs of it, in part on \
earlier versions of the pictures (`docs/demo-model.md`). No data from anywhere else.

**How well it does** on pictures and phrasings that training never saw (greedy, free-text answers \
judged by the facts they state; `python -m demo_model.evaluation.evaluate`):

{table}

Kinds: {names}.

Licence: Apache-2.0, as the rest of the project. The architecture is Qwen3-VL's, the weights are
this project's own.
"""


def model_card(model: Qwen3VLForConditionalGeneration, work: Path) -> str:
    total = sum(parameter.numel() for parameter in model.parameters())
    vision = sum(parameter.numel() for parameter in model.model.visual.parameters())
    result = work / RESULT
    table = "not measured yet"
    if result.exists():
        figures = json.loads(result.read_text(encoding="utf-8"))
        rows = [
            f"| {name} | {value:.3f} | {MEANINGS[name]} |"
            for name, value in figures.items()
            if isinstance(value, float)
        ]
        table = "\n".join(["| figure | accuracy | what is asked |", "| --- | --- | --- |", *rows])
    return CARD.format(
        parameters=total / 1e6,
        vision=vision / 1e6,
        text=(total - vision) / 1e6,
        kinds=len(KINDS),
        colours=len(COLOURS),
        materials=len(MATERIALS),
        patterns=len(PATTERNS),
        table=table,
        names=", ".join(kind.name.en for kind in KINDS.values()),
    )
