"""The sections of a report: a chart or a table each, or that there is nothing. All is escaped."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from gateway.report import charts
from gateway.report.figures import Counts, Figures
from gateway.report.period import Period
from gateway.report.words import Language, word

# Of what is listed, at most so much.
MOST = 8


class Sections:
    def __init__(self, period: Period, now: Figures, before: Figures, language: Language) -> None:
        self._period = period
        self._now = now
        self._before = before
        self._language = language

    def all(self) -> Iterator[str]:
        now, before = self._now, self._before
        yield self._over_time("traffic", now.asked_by, before.asked_by, absent=0)
        yield self._over_time("hit rate", now.cached_by, before.cached_by, absent=None)
        yield self._latency()
        yield self._bars("intents", now.intents, before.intents)
        yield self._products()
        yield self._bars("unanswered", now.unanswered, before.unanswered)
        yield self._bars("unseen", now.unseen, before.unseen)
        yield self._bars("refusals", self._stopped(now), self._stopped(before))
        yield self._thumbs()
        yield self._funnel()
        yield self._first_questions()
        if self._period.kind != "day":  # of one day there is one number, which is above
            yield self._retention()
        yield self._money()

    def _say(self, name: str) -> str:
        return word(name, self._language)

    def _over_time(
        self,
        name: str,
        now: Mapping[Any, float],
        before: Mapping[Any, float],
        *,
        absent: float | None,
    ) -> str:
        """`absent`: what an hour or a day is worth of which the log has nothing."""
        if not now:
            return self._section(name, "")
        drawn: list[charts.Line] = [
            (self._values(before, self._period.before, absent), charts.BEFORE, "--"),
            (self._values(now, self._period, absent), charts.NOW, "-"),
        ]
        return self._section(name, charts.lines(_id(name), self._say(name), self._ticks(), drawn))

    def _ticks(self) -> list[str]:
        if self._period.kind == "day":
            return [str(hour) for hour in range(24)]
        return [f"{day.month}-{day.day}" for day in self._period.days()]

    def _values(
        self, by_place: Mapping[Any, float], period: Period, absent: float | None
    ) -> list[float | None]:
        """One a tick. A month may be longer or shorter than the one that it is compared with."""
        places: Sequence[Any] = range(24) if period.kind == "day" else list(period.days())
        # Before the log began and after today there is nothing, which is not none.
        known = [place for place in places if place in by_place]
        values = [
            by_place.get(place, absent if known and known[0] <= place <= known[-1] else None)
            for place in places
        ]
        wanted = len(self._ticks())
        return values[:wanted] + [None] * (wanted - len(values))

    def _latency(self) -> str:
        shown = (
            ("computed_p95", charts.NOW, "-"),
            ("computed_p50", charts.NOW, ":"),
            ("cached_p95", charts.THIRD, "-"),
        )
        found = self._now.latency_by
        drawn: list[charts.Line] = [
            (self._values(found[name], self._period, None), colour, style)
            for name, colour, style in shown
            if found.get(name)
        ]
        if not drawn:
            return self._section("latency", "")
        kinds = {"computed_p95": "now", "computed_p50": "now dotted", "cached_p95": "third"}
        keys = "".join(
            f'<span class="key {kind}">{escape(self._say(name))}</span>'
            for name, kind in kinds.items()
        )
        chart = charts.lines("latency", self._say("latency"), self._ticks(), drawn, log=True)
        return self._section("latency", f"{chart}<p>{keys}</p>")

    def _bars(self, name: str, now: Counts, before: Counts) -> str:
        largest = dict(sorted(now.items(), key=lambda item: (-item[1], item[0]))[:MOST])
        if not any(largest.values()):
            return self._section(name, "")
        say = str if name == "products" else self._say  # a product may be called as an intent
        said = {say(label): n for label, n in largest.items()}
        earlier = {say(label): n for label, n in before.items()}
        chart = charts.bars(_id(name), self._say(name), said, earlier)
        return self._section(name, chart)

    def _stopped(self, figures: Figures) -> Counts:
        """`question:advert` → `question · advert`."""
        return {
            " · ".join(map(self._say, label.split(":"))): n
            for label, n in figures.moderation.items()
        }

    def _products(self) -> str:
        now = self._now
        ordered = sorted(now.product_intents.items(), key=lambda item: -sum(item[1].values()))
        rows = []
        for kind, intents in ordered[:MOST]:
            most = sorted(intents.items(), key=lambda item: -item[1])[:3]
            said = ", ".join(f"{self._say(intent)} {n:,.0f}" for intent, n in most)
            rows.append((kind, said))
        body = self._bars("products", now.products, self._before.products)
        table = self._table(("product", "most asked"), rows) if rows else ""
        return body.replace("</section>", f"{table}</section>")

    def _thumbs(self) -> str:
        rows = []
        for revision, (up, down) in sorted(self._now.thumbs.items()):
            earlier = self._before.thumbs.get(revision)
            was = f"{100 * earlier[0] / sum(earlier):.0f}%" if earlier else "–"
            share = f"{100 * up / (up + down):.0f}%"
            rows.append((revision, f"{up:,.0f}", f"{down:,.0f}", share, was))
        if not rows:
            return self._section("thumbs", "")
        names = ("revision", "up", "down", "up_percent", "before")
        return self._section("thumbs", self._table(names, rows))

    def _funnel(self) -> str:
        def steps(funnel: Counts) -> Counts:
            names = {"sessions": "session", "asked": "asked_step"}
            return {self._say(names.get(name, name)): n for name, n in funnel.items()}

        if not self._now.funnel.get("sessions"):
            return self._section("funnel", "")
        now, before = steps(self._now.funnel), steps(self._before.funnel)
        return self._section("funnel", charts.bars("funnel", self._say("funnel"), now, before))

    def _first_questions(self) -> str:
        rows = []
        for language, steps in sorted(
            self._now.first_questions.items(), key=lambda item: -item[1]["asked"]
        ):
            asked = steps["asked"]
            shares = (f"{100 * n / asked:.0f}%" for name, n in steps.items() if name != "asked")
            rows.append((self._say(language), f"{asked:,.0f}", *shares))
        if not rows:
            return self._section("first", "")
        names = ("language", "asked_step", "answered", "asked_again", "voted", "thumbs_up")
        return self._section("first", self._table(names, rows))

    def _retention(self) -> str:
        found = self._now.returned
        shown = (("after_1_day", charts.NOW), ("after_7_days", charts.THIRD))
        drawn: list[charts.Line] = [
            (self._values(found[name], self._period, None), colour, "-")
            for name, colour in shown
            if found.get(name)
        ]
        if not drawn:
            return self._section("retention", "")
        chart = charts.lines("retention", self._say("retention"), self._ticks(), drawn)
        keys = "".join(
            f'<span class="key {kind}">{escape(self._say(name))}</span>'
            for name, kind in (("after_1_day", "now"), ("after_7_days", "third"))
        )
        return self._section("retention", f"{chart}<p>{keys}</p>")

    def _money(self) -> str:
        now = self._now
        unit = now.currency or self._say("seconds")
        said = money if now.currency else "{:,.0f}".format
        rows = [
            (self._say(intent), said(spent), said(now.saved.get(intent, 0)))
            for intent, spent in sorted(now.spent.items(), key=lambda item: -item[1])[:MOST]
        ]
        if not rows:
            return self._section("money", "")
        table = self._table(("money", "spent", "saved"), rows, first=unit)
        return self._section("money", table)

    def _section(self, name: str, body: str) -> str:
        what = body or f"<p class=nothing>{escape(self._say('nothing'))}</p>"
        return f"<section><h2>{escape(self._say(name))}</h2>{what}</section>"

    def _table(
        self, names: Iterable[str], rows: Iterable[Sequence[str]], first: str | None = None
    ) -> str:
        heads = [self._say(name) for name in names]
        if first is not None:
            heads[0] = first
        head = "".join(f"<th>{escape(name)}</th>" for name in heads)
        lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def money(amount: float) -> str:
    """Two digits behind the point, and of small amounts three that say something."""
    return f"{amount:,.2f}" if amount >= 1 or not amount else f"{amount:.3g}"


def _id(name: str) -> str:
    return name.replace(" ", "-")
