"""Questions written by hand by people who saw only the list of intents, or only what kinds of
everyday questions there are. They are never trained on, and nothing is tuned on them: they were
there before the training, and are only counted."""

from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

from PIL import Image

from demo_model.evaluation.cases import ATTRIBUTES, Case
from demo_model.evaluation.chat import Question
from demo_model.language.single import Exchange
from demo_model.pictures.facts import Scene

HERE = Path(__file__).parent
INTENTS = {"kind": "what", "authenticity": "authentic"}  # others have the names of ours
PEOPLE = {"mother": "mum", "father": "dad"}
# Of the everyday ones those that can be counted by rules: their label, the intent, the figure.
EVERYDAY = {
    "unseen": ("not_visible", "everyday_unseen"),
    "brand_claim": ("not_visible_claim", "everyday_claims"),
    "property_claim": ("not_visible_claim", "everyday_claims"),
    **{f"long:{it}": (it, "everyday_long") for it in ("brand", "colour", "material", "price")},
}


def written(language: str) -> list[tuple[str, Exchange]]:
    """Each intent, and the question with its detail."""
    found = []
    text = (HERE / f"own_phrasings_{language}.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        intent, question, *person = line.split("\t")
        detail = PEOPLE.get(person[0], person[0]) if person else ""
        asked = (INTENTS.get(intent, intent), detail)
        found.append((intent, Exchange(question, "", language, (asked,))))
    return found


def cases(singles: list[tuple[Scene, Image.Image]], times: int) -> Iterable[Case]:
    """Each phrasing about `times` pictures of one product."""
    pictures = cycle(singles)
    for _ in range(times):
        for language in ("zh", "en"):
            for intent, exchange in written(language):
                scene, photo = next(pictures)
                figure = intent if intent in ATTRIBUTES else "own"
                asked = Question(exchange.question, photo)
                yield Case(figure, exchange, scene, asked, own=f"own_{intent}")


def everyday(singles: list[tuple[Scene, Image.Image]]) -> Iterable[Case]:
    """Each of those that can be counted, about one picture."""
    pictures = cycle(singles)
    for language in ("zh", "en"):
        text = (HERE / f"everyday_{language}.tsv").read_text(encoding="utf-8")
        for label, question in (line.split("\t") for line in text.splitlines()):
            if label not in EVERYDAY:
                continue
            intent, figure = EVERYDAY[label]
            scene, photo = next(pictures)
            exchange = Exchange(question, "", language, ((intent, ""),))
            yield Case(figure, exchange, scene, Question(question, photo), own=figure)
