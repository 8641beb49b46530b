"""Charts of a report as SVG, drawn by matplotlib. Colours are variables of the page's style sheet,
so that one chart is right in light, in dark and on paper; words stay text."""

import logging
import re
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Pixels of a chart, at which its words have the size that they are written in.
WIDTH, HEIGHT = 340, 165
BAR_HEIGHT = 26
# Of a bar's name.
MOST_CHARS = 24
# Colours that stand for variables of the page until the chart is written.
INK, MUTED, GRID, NOW, BEFORE, THIRD = (f"#0000{number:02x}" for number in range(1, 7))
VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    NOW: "var(--now)",
    BEFORE: "var(--before)",
    THIRD: "var(--third)",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "figure.dpi": 72,  # a point is a pixel of the SVG
}

Line = tuple[Sequence[float | None], str, str]
"""Values by place, colour, line style."""


def lines(
    name: str, title: str, ticks: Sequence[str], drawn: Sequence[Line], *, log: bool = False
) -> str:
    """`ticks` name the places. `name` is an id in the page, `title` is read aloud."""
    figure, axes = _figure(HEIGHT)
    places = range(len(ticks))
    for values, colour, style in drawn:
        known = [float("nan") if value is None else value for value in values]
        marker = "o" if sum(value is not None for value in values) < 3 else None
        axes.plot(places, known, color=colour, linestyle=style, marker=marker, markersize=4)
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda ms, _: f"{ms:g}"))
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda n, _: shortened(n)))
    every = -(-len(ticks) // 7)
    axes.set_xticks(list(places)[::every], [plain(tick) for tick in ticks][::every])
    axes.set_xlim(-0.3, len(ticks) - 0.7)
    axes.grid(axis="x", visible=False)
    figure.subplots_adjust(left=0.11, right=0.97, top=0.95, bottom=0.16)
    return _written(figure, name, title)


def bars(
    name: str,
    title: str,
    now: Mapping[str, float],
    before: Mapping[str, float] | None = None,
) -> str:
    """Horizontal bars in the order of `now`, with thin ones of before beneath."""
    labels = list(now)
    figure, axes = _figure(BAR_HEIGHT * max(len(labels), 1) + 10)
    places = [-place for place in range(len(labels))]
    largest = max([*now.values(), *(before or {}).values(), 1e-9])
    for place, label in zip(places, labels, strict=True):
        axes.barh(place + 0.12, now[label], height=0.5, color=NOW)
        if before is not None:
            axes.barh(place - 0.27, before.get(label, 0), height=0.18, color=BEFORE)
        said = f"{now[label]:,.0f}"
        axes.text(now[label] + largest * 0.015, place + 0.1, said, va="center", color=INK)
    shown = [label if len(label) <= MOST_CHARS else f"{label[:MOST_CHARS]}…" for label in labels]
    axes.set_yticks(places, [plain(label) for label in shown], color=INK)
    axes.set_xlim(0, largest * 1.2)
    axes.set_ylim(-len(labels) + 0.4, 0.6)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    widest = max(map(_width, shown), default=0)
    left = min(max(widest / WIDTH, 0.15), 0.6)
    figure.subplots_adjust(left=left, right=0.99, top=0.99, bottom=0.01)
    return _written(figure, name, title)


def _width(label: str) -> float:
    """Pixels, about: nobody here knows the reader's letters, but Chinese ones are square."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in label)
    return 12 + 11.5 * wide + 6.6 * (len(label) - wide)


def plain(label: str) -> str:
    """Without matplotlib's mathematics, which a dollar sign begins."""
    return label.replace("$", r"\$")


def shortened(number: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"


def _figure(height: float) -> tuple[Figure, Axes]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        return figure, figure.subplots()


def _written(figure: Figure, name: str, title: str) -> str:
    out = StringIO()
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with mpl.rc_context(STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        # That our machine has no letters for Chinese: the reader's has.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'font: (?:\w+ )*([\d.]+)px [^;"]+', r"font-size: \1px", svg)
    # Ids are the page's, where there are several charts.
    svg = re.sub(r'\bid="', f'id="{name}-', svg).replace("xlink:href", "href")
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    head = f'<svg role="img" aria-label="{escape(title, quote=True)}" '
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf"{_literal(head)}\1>", svg, count=1)
    return re.sub(r"\n\s*", "\n", svg)


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")
