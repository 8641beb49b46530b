"""Questions written by hand by people who saw only the list of intents. They are never trained on,
and nothing is tuned on them: they were there before the training, and are only counted."""

from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

from PIL import Image

from demo_model.evaluation.cases import ATTRIBUTES, Case
from demo_model.evaluation.chat import Question
from demo_model.language.questions import Exchange
from demo_model.pictures.facts import Scene

HERE = Path(__file__).parent
INTENTS = {"kind": "what", "authenticity": "authentic"}  # others have the names of ours
PEOPLE = {"mother": "mum", "father": "dad"}


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
