"""The page of an evaluation: one self-contained HTML file that asks nobody for anything. An answer
may hold whatever a model writes; here it is text."""

from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from gateway.evaluation.exhibit import exhibit
from gateway.evaluation.figures import Change, Figure, Judged, RightShare
from gateway.evaluation.html import document, element
from gateway.evaluation.report import Report
from gateway.evaluation.verdict import Failure, Missed
from gateway.evaluation.words import PageLanguage, PageWords

Pictures = Callable[[Judged], list[str]]
"""Small photos of a line, as data URIs."""

STYLE = Path(__file__).with_name("page.css")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"
# Lines with photos: 200 are 2 MB.
MAX_EXHIBITS = 200
# From here on chance alone is a likely reason.
CHANCE = 0.05


def page(report: Report, language: PageLanguage, pictures: Pictures) -> str:
    words = PageWords(language)
    title = f"{words('title')}: {report.title}"
    body = element(
        "body",
        element(
            "main",
            _head(report, words),
            _section(words("figures"), _figures(report, words)),
            _section(words("effort"), _effort(report, words)),
            *_exhibits(report, words, pictures),
            _reading(words),
        ),
    )
    return document(language, title, STYLE.read_text(), POLICY, body)


def _head(report: Report, words: PageWords) -> Element:
    passed = "passed_two" if len(report.names) > 1 else "passed_one"
    reasons = [element("li", _reason(each, words)) for each in report.failures]
    names = [
        element(
            "li",
            element("span", letter, class_=f"letter {letter.lower()}"),
            element("code", name),
        )
        for letter, name in zip(report.letters, report.names, strict=True)
    ]
    made_at = report.made_at.strftime("%Y-%m-%d %H:%M UTC")
    return element(
        "header",
        element("p", f"Shopsight · {words('title')}", class_="kicker"),
        element("h1", report.title),
        element("p", f"{len(report.judged)} {words('lines')} · {made_at}", class_="quiet"),
        element("ul", *names, class_="names"),
        element(
            "section",
            element("h2", words("passed" if report.passed else "failed")),
            element("p", words(passed)) if report.passed else element("ul", *reasons),
            class_=f"verdict {'good' if report.passed else 'bad'}",
        ),
    )


def _reason(failure: Failure, words: PageWords) -> str:
    if isinstance(failure, Missed):
        return words("missed", failure.requirement, f"{failure.value:.3g}")
    change = failure.figure.change
    assert change is not None
    told = words(
        "fell",
        words(failure.figure.name),
        _percent(-change.difference),
        _percent(failure.tolerance),
        change.worse,
        change.better,
    )
    if change.chance < CHANCE:
        return told
    return f"{told} {words('by_chance', f'{change.chance:.2f}')}"


def _figures(report: Report, words: PageWords) -> Element:
    heads = [(words("figure"), "name"), (words("lines"), "count"), ("", "plot")]
    if len(report.letters) > 1:
        heads += [(letter, "number") for letter in report.letters]
        heads += [(words("change"), "number")]
        heads += [(words(name), "number rare") for name in ("better", "worse", "chance")]
    else:
        heads += [(words("share"), "number")]
    head = [element("th", text, scope="col", class_=kind) for text, kind in heads]
    rows = [_figure(figure, report, words) for figure in report.figures]
    return element(
        "div",
        element("table", element("thead", element("tr", *head)), element("tbody", *rows)),
        class_="scrolls",
        tabindex="0",
    )


def _figure(figure: Figure, report: Report, words: PageWords) -> Element:
    label = words(figure.name)
    code = element("code", figure.name) if label != figure.name else None
    cells = [
        element("th", element("span", label), code, scope="row", class_="name"),
        element("td", str(figure.shares[0].asked), class_="count"),
        element("td", _plot(figure.shares, report.letters), class_="plot"),
    ]
    for share in figure.shares:
        low, high = share.interval
        interval = element("small", f"{low * 100:.0f}–{high * 100:.0f}")
        cells.append(element("td", element("b", _percent(share.value)), interval, class_="number"))
    if figure.change is not None:
        cells += _change(figure.change)
    return element("tr", *cells, class_="total" if figure is report.figures[0] else "")


def _change(change: Change) -> list[Element]:
    way = "up" if change.difference > 0 else "down" if change.difference < 0 else "same"
    low, high = change.interval
    interval = element("small", f"{_signed(low)} … {_signed(high)}")
    told = element("b", _signed(change.difference, 1) if way != "same" else "0")
    chance = f"{change.chance:.2f}" if change.better or change.worse else "–"
    rare = (str(change.better), str(change.worse), chance)
    return [
        element("td", told, interval, class_=f"number {way}"),
        *(element("td", text, class_="number rare") for text in rare),
    ]


def _plot(shares: Sequence[RightShare], letters: Sequence[str]) -> Element:
    """Each share as a dot on a line from 0 to 100 %, on its interval."""
    height = 12 * len(shares) + 4
    marks = [element("path", d=f"M1 {height - 1}H119", class_="axis")]
    for place, (share, letter) in enumerate(zip(shares, letters, strict=True)):
        low, high = share.interval
        y = 8 + 12 * place
        side = letter.lower()
        marks += [
            element("path", d=f"M{_x(low)} {y}H{_x(high)}", class_=f"whisker {side}"),
            element("circle", cx=_x(share.value), cy=str(y), r="3.5", class_=f"dot {side}"),
        ]
    return element("svg", *marks, viewBox=f"0 0 120 {height}", width="120", aria_hidden="true")


def _x(value: float) -> str:
    return f"{4 + value * 112:.1f}"


def _effort(report: Report, words: PageWords) -> Element:
    heads = [words(name) for name in ("revision", "p50", "p95", "prompt", "completion", "cost")]
    rows = []
    for letter, effort in zip(report.letters, report.efforts, strict=True):
        told = [
            *(_seconds(effort.p50_s), _seconds(effort.p95_s)),
            *(f"{effort.prompt_tokens:,}", f"{effort.completion_tokens:,}"),
            "–" if effort.cost is None else f"{effort.cost:,.4f}",
        ]
        name = element("span", letter, class_=f"letter {letter.lower()}")
        cells = [element("td", text, class_="number") for text in told]
        rows.append(element("tr", element("th", name, scope="row", class_="name"), *cells))
    head = [element("th", text, scope="col", class_="number") for text in heads]
    head[0].set("class", "name")
    return element(
        "div",
        element("table", element("thead", element("tr", *head)), element("tbody", *rows)),
        class_="scrolls",
        tabindex="0",
    )


def _exhibits(report: Report, words: PageWords, pictures: Pictures) -> list[Element]:
    if len(report.letters) == 1:
        return [_shown(words("wrong"), report.wrong_alike, report, words, pictures)]
    return [
        _shown(words("differing"), report.disagreements, report, words, pictures),
        _shown(words("wrong_both"), report.wrong_alike, report, words, pictures),
    ]


def _shown(
    title: str, lines: list[Judged], report: Report, words: PageWords, pictures: Pictures
) -> Element:
    told = [exhibit(each, report.letters, pictures(each), words) for each in lines[:MAX_EXHIBITS]]
    rest = len(lines) - len(told)
    more = element("p", words("more", rest), class_="quiet") if rest else None
    none = None if lines else element("p", words("none"), class_="quiet")
    return _section(f"{title} ({len(lines)})", *told, more, none)


def _reading(words: PageWords) -> Element:
    told = [element("p", words(f"reading_{number}")) for number in (1, 2, 3)]
    return _section(words("reading"), *told, class_="reading")


def _section(title: str, *children: Element | None, class_: str = "part") -> Element:
    return element("section", element("h2", title), *children, class_=class_)


def _signed(share: float, digits: int = 0) -> str:
    return f"{share * 100:+.{digits}f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %" if 0 < share < 1 else f"{share * 100:.0f} %"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f} s"
