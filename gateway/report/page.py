"""A report's figures → one HTML page that needs nothing else: no script, no font, no request. Every
text that comes out of the log is escaped."""

from collections.abc import Iterator
from datetime import datetime
from html import escape
from pathlib import Path

from gateway.report.figures import Figures
from gateway.report.folder import INCOMPLETE
from gateway.report.period import Period
from gateway.report.sections import Sections, money
from gateway.report.words import Language, word

# Stands in the head: how many requests of the period are counted, and of the one before.
REQUESTS = '<meta name="shopsight-requests" content="{} {}">'
# Before it stands how many requests came later, where the page was not made again.
LATE = "<!-- late -->"
STYLE = Path(__file__).with_name("page.css")
# Of which a smaller number is the better one.
FEWER_IS_BETTER = {"failed_percent", "computed_p50", "computed_p95", "cached_p95", "spent"}
MONEY = ("spent", "saved")
TOTALS = (
    *("asked", "sessions", "answered_percent", "hit_percent", "computed_p50", "computed_p95"),
    *("cached_p95", "up_percent", "failed_percent", "after_1_day_percent", "spent", "saved"),
)


class ReportPage:
    """One report in one language. `made_at` has the business's zone. `counted`: whether all that
    the log has of both periods is in the figures."""

    def __init__(
        self,
        period: Period,
        now: Figures,
        before: Figures,
        *,
        tenant: str | None,
        language: Language,
        made_at: datetime,
        counted: bool = True,
    ) -> None:
        self._period = period
        self._now = now
        self._before = before
        self._tenant = tenant
        self._language = language
        self._made_at = made_at
        self._counted = counted

    def html(self) -> str:
        say = self._say
        whose = say("all tenants") if self._tenant is None else self._tenant
        title = f"{say('report')} · {say(self._period.kind)} {self._period.name} · {whose}"
        before = self._period.before
        body = "\n".join(self._sections())
        return f"""<!doctype html>
<html lang="{"zh-CN" if self._language == "zh" else "en"}">
<meta charset="utf-8">{"" if self._counted else INCOMPLETE}
{REQUESTS.format(*(round(each.total.get("requests", 0)) for each in (self._now, self._before)))}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{STYLE.read_text()}</style>
<header>
<p>{escape(say("report"))} · {escape(whose)}</p>
<h1>{escape(say(self._period.kind))} {escape(self._period.name)}</h1>
<p>{self._period.first} – {self._period.last}, {escape(say("compared"))} {escape(before.name)}
<span class="key now">{escape(say("this"))}</span>
<span class="key before">{escape(say("before"))}</span></p>{self._incomplete()}
{LATE}
</header>
<main>
{body}
</main>
<footer>{escape(say("made"))} {self._made_at:%Y-%m-%d %H:%M %Z}</footer>
</html>
"""

    def _say(self, name: str) -> str:
        return word(name, self._language)

    def _incomplete(self) -> str:
        if self._counted:
            return ""
        return f"\n<p class=incomplete>{escape(self._say('incomplete'))}</p>"

    def _sections(self) -> Iterator[str]:
        yield self._totals()
        yield from Sections(self._period, self._now, self._before, self._language).all()

    def _totals(self) -> str:
        cells = []
        for name in TOTALS:
            if (value := self._now.total.get(name)) is None:
                continue
            cells.append(
                f"<div><dt>{escape(self._say(name))}</dt><dd>{escape(self._amount(name, value))}"
                f"{self._change(name, value)}</dd></div>"
            )
        if not cells:
            return f"<p class=nothing>{escape(self._say('nothing'))}</p>"
        return f"<dl>{''.join(cells)}</dl>"

    def _amount(self, name: str, value: float) -> str:
        if name.endswith("percent"):
            return f"{value:.1f}%"
        if "_p" in name:
            return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"
        if name in MONEY:
            currency = self._now.currency
            return f"{money(value)} {currency}" if currency else f"{value:,.0f} s"
        return f"{value:,.0f}"

    def _change(self, name: str, value: float) -> str:
        before = self._before.total.get(name)
        if before is None or (not before and not value):
            return ""
        if name in MONEY and self._before.currency != self._now.currency:  # or seconds of a model
            return ""
        if name.endswith("percent"):
            change, said = value - before, f"{value - before:+.1f}"
        elif not before:
            return ""
        else:
            change = value - before
            said = f"{100 * change / before:+.0f}%"
        good = (change < 0) if name in FEWER_IS_BETTER else (change > 0)
        kind = "same" if not float(said.rstrip("%")) else "good" if good else "bad"
        return f' <small class="{kind}">{escape(said)}</small>'
