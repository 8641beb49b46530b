"""One line on the page: its photo, what was asked and wanted, and the answers side by side."""

from xml.etree.ElementTree import Element

from gateway.evaluation.answers import ModelAnswer, values_of
from gateway.evaluation.figures import Judged
from gateway.evaluation.html import element
from gateway.evaluation.judging import ANSWERED, Check
from gateway.evaluation.words import PageWords

# Of an answer, or of what a check wanted: the JSON beside the page has all of it.
SHOWN_CHARS = 1_200


def exhibit(
    judged: Judged, letters: tuple[str, ...], pictures: list[str], words: PageWords
) -> Element:
    """`pictures`: data URIs."""
    line = judged.line
    asked = line.asked if line.task == "ask" else words(line.task)
    if line.task == "match":
        asked += f": {line.asked}"
    photos = [element("img", src=uri, alt="", class_="photo") for uri in pictures]
    if not photos and line.photos:
        photos = [element("p", cut(line.photos[0], 60), class_="photo none")]
    answers = [
        _answer(letter, answer, checks, words)
        for letter, answer, checks in zip(letters, judged.answers, judged.checks, strict=True)
    ]
    return element(
        "article",
        element("div", *photos, class_="photos"),
        element(
            "div",
            element("p", line.id, class_="id"),
            element("h3", cut(asked), dir="auto"),
            _wanted(judged.checks[0], words),
            element("div", *answers, class_="answers"),
            class_="body",
        ),
        class_="exhibit",
    )


def _wanted(checks: tuple[Check, ...], words: PageWords) -> Element:
    told = [check for check in checks if check.wanted and check.figure != ANSWERED]
    rows: list[Element] = []
    for check in told:
        rows += [
            element("dt", words(check.figure)),
            element("dd", cut(check.wanted), dir="auto"),
        ]
    return element("dl", *rows, class_="wanted")


def _answer(
    letter: str, answer: ModelAnswer, checks: tuple[Check, ...], words: PageWords
) -> Element:
    wrong = [check for check in checks if not check.right]
    state = "wrong" if wrong else "right"
    reasons = [
        element(
            "li",
            element("b", words(check.figure)),
            element("span", f" {cut(check.got, 160)}", dir="auto")
            if _adds(check, answer)
            else None,
        )
        for check in wrong
    ]
    return element(
        "section",
        element(
            "p",
            element("span", letter, class_=f"letter {letter.lower()}"),
            element("span", words("is_wrong" if wrong else "right"), class_="mark"),
            class_="who",
        ),
        _told(answer),
        element("ul", *reasons, class_="reasons") if reasons else None,
        class_=f"answer {state}",
    )


def _told(answer: ModelAnswer) -> Element:
    if answer.card is None:
        return element("blockquote", cut(answer.shown), dir="auto")
    rows: list[Element] = []
    for name, value in answer.card.items():
        if name != "confidence":
            told = " · ".join(values_of(value)) or "–"
            rows += [element("dt", name), element("dd", cut(told), dir="auto")]
    return element("dl", *rows, class_="card")


def _adds(check: Check, answer: ModelAnswer) -> bool:
    """Whether what was got says more than the answer above it."""
    told = check.got not in (answer.shown, answer.text)
    return bool(check.got) and answer.card is None and told


def cut(text: str, chars: int = SHOWN_CHARS) -> str:
    return text if len(text) <= chars else f"{text[:chars]}…"
