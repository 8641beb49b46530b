"""A catalogue's answers, judged: by columns of what is expected, and by what no photo shows.
Nothing is asked for it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from contract.text.language import language_of
from gateway.cli.catalogue import Item, answer_of
from gateway.evaluation.answers import ModelAnswer, NoAnswer
from gateway.evaluation.claims import NEVER_SHOWN
from gateway.evaluation.figures import Judged
from gateway.evaluation.lines import Accepted, Expected, Forbidden, SetLine, Values
from gateway.evaluation.report import Report
from gateway.evaluation.verdict import Requirement

# Names of columns: `expected` for answers, `expected colours` for a field of a card.
EXPECTED = ("expected", "期望")
FIELDS = {
    **{name: name for name in ("category", "materials", "style", "audience", "colours")},
    **{"occasions": "occasions", "visible text": "visible_text", "visible_text": "visible_text"},
    **{"品类": "category", "材质": "materials", "风格": "style", "人群": "audience"},
    **{"颜色": "colours", "场合": "occasions", "文字": "visible_text"},
}
NOT_ANSWERED = "not_answered"
Result = Mapping[str, Any]


def report_of(
    title: str,
    items: Iterable[Item],
    result_of: Callable[[str], Result | None],
    required: list[Requirement],
) -> Report:
    """Raises UnknownFigure."""
    judged, revisions = [], set()
    for item in items:
        line, result = line_of(item), result_of(item.id)
        judged.append(Judged.of(line, [_given(line, result)]))
        if result is not None and (told := _body(result).get("model_revision")):
            revisions.add(str(told))
    name = ", ".join(sorted(revisions)) or "–"
    return Report.of(title, [name], judged, made_at=datetime.now(UTC), required=required)


def line_of(item: Item) -> SetLine:
    """A row as a line of a set."""
    cells = {name.strip().lower(): cell for name, cell in item.row.items() if cell.strip()}
    expected: dict[str, Any] = {}
    for name, cell in cells.items():
        prefix = next((each for each in EXPECTED if name.startswith(each)), None)
        if prefix is None:
            continue
        field = name.removeprefix(prefix).strip(" :：.-_")
        if item.question and not field:
            expected["answer"] = accepted(cell)
        elif not item.question and field in FIELDS:
            expected.setdefault("card", {})[FIELDS[field]] = accepted(cell)
    if item.question and (language := language_of(item.question)) != "other":
        expected["language"] = language
    return SetLine(
        id=f"row {item.number}",
        photo=item.photo.name,
        task="ask" if item.question else "card",
        question=item.question or None,
        expected=Expected(**expected),
        forbidden=Forbidden(claims=NEVER_SHOWN),
    )


def accepted(cell: str) -> Values:
    """`red|红色` is one way or another, `red; black` is both."""
    groups = [
        tuple(way.strip() for way in group.split("|") if way.strip())
        for group in cell.replace("；", ";").split(";")
    ]
    groups = [group for group in groups if group]
    if len(groups) == 1 or not groups:
        return groups[0] if groups else ()
    return Accepted(all_of=tuple(groups))


def _given(line: SetLine, result: Result | None) -> ModelAnswer:
    if result is None:
        return ModelAnswer(error=NOT_ANSWERED)
    response = result.get("response")
    if response is None or response["status_code"] != 200:
        return ModelAnswer(error=str(answer_of(result)["error"]))
    try:
        return ModelAnswer.read(line.task, response["body"])
    except NoAnswer:
        return ModelAnswer(error=NOT_ANSWERED)


def _body(result: Result) -> Mapping[str, Any]:
    body = (result.get("response") or {}).get("body")
    return body if isinstance(body, Mapping) else {}
