"""Classification heads that train the vision tower before the language model is trained."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from demo_model.pictures.catalogue import BRANDS, COLOURS, KINDS, MATERIALS, NOTES, PATTERNS
from demo_model.pictures.facts import Product, Scene

CLASSES: dict[str, list[str]] = {
    "kind": list(KINDS),
    "colour": list(COLOURS),
    "material": list(MATERIALS),
    "pattern": list(PATTERNS),
    "words": ["", *BRANDS, *NOTES],
    # For pictures with two products: the left or upper one first.
    "kind_0": list(KINDS),
    "kind_1": list(KINDS),
    "colour_0": list(COLOURS),
    "colour_1": list(COLOURS),
}
# Weights of the losses. Materials are the hardest to see. Pairs are one picture in ten.
WEIGHTS = {"kind": 1.0, "colour": 1.0, "material": 3.0, "pattern": 1.0, "words": 1.0}
PAIR_WEIGHT = 0.5
IGNORED = -100


class Heads(nn.Module):  # type: ignore[misc]
    """A linear head for each attribute, and one for the set of kinds in the picture.

    Each has its own weighted mean of the visual tokens: a printed word is in two or three of them.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.single = nn.ModuleDict({name: nn.Linear(width, len(c)) for name, c in CLASSES.items()})
        self.present = nn.Linear(width, len(KINDS))
        self.look = nn.Linear(width, len(CLASSES) + 1, bias=False)
        nn.init.zeros_(self.look.weight)  # start with plain means

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        tokens = tokens.float()
        share = torch.softmax(self.look(self.norm(tokens)).float(), dim=1)
        pooled = self.norm(torch.einsum("ntw,nta->anw", tokens, share))
        scores = {
            name: head(view)
            for (name, head), view in zip(self.single.items(), pooled, strict=False)
        }
        return {**scores, "present": self.present(pooled[-1])}


def labels_of(scenes: list[Scene]) -> dict[str, Tensor]:
    """Class numbers. Each attribute is ignored in pictures with another number of products."""
    labels: dict[str, Tensor] = {}
    for name, classes in CLASSES.items():
        attribute, _, place = name.partition("_")
        asked = 2 if place else 1
        column = [
            _class_of(scene.products[int(place or 0)], attribute, classes)
            if len(scene.products) == asked
            else IGNORED
            for scene in scenes
        ]
        labels[name] = torch.tensor(column)
    present = [[float(any(p.kind == k for p in scene.products)) for k in KINDS] for scene in scenes]
    labels["present"] = torch.tensor(present)
    return labels


def _class_of(product: Product, attribute: str, classes: list[str]) -> int:
    """What cannot be seen, as the material of a drawing, is ignored."""
    value = getattr(product, attribute) or ""
    return classes.index(value) if value in classes else IGNORED


def heads_loss(scores: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
    total = 4 * functional.binary_cross_entropy_with_logits(scores["present"], labels["present"])
    for name in CLASSES:
        if not (labels[name] != IGNORED).any():
            continue
        total = total + WEIGHTS.get(name, PAIR_WEIGHT) * functional.cross_entropy(
            scores[name], labels[name], ignore_index=IGNORED, label_smoothing=0.02
        )
    return total


def heads_accuracy(scores: dict[str, Tensor], labels: dict[str, Tensor]) -> dict[str, float]:
    out: dict[str, float] = {}
    for name in CLASSES:
        asked = labels[name] != IGNORED
        if not asked.any():
            continue
        right = scores[name].argmax(-1)[asked] == labels[name][asked]
        out[name] = round(float(right.float().mean()), 3)
    agree = ((scores["present"] > 0) == (labels["present"] > 0.5)).all(-1)
    out["present"] = round(float(agree.float().mean()), 3)
    return out
