"""The SELECT behind each roll-up: the interactions of one span, grouped. The span is bound when a
query runs, as `begin`, `end`, `day` and `hour`."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    select,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from gateway.log.schema.columns import UtcTime
from gateway.log.schema.tables import feedback, interactions

column = interactions.c
# Of a session's digits: where it began, see gateway/identity/sessions.py.
ORIGIN_DIGITS = 16
# Upper bounds of the latency histogram in ms: four per doubling, from half a millisecond to a
# minute. A percentile interpolated from it is off by at most 19 %, usually by 3 %.
BOUNDS_MS = tuple(round(2 ** (k / 4), 4) for k in range(-4, 65))
# The bound for everything longer: an hour, far above the longest deadline.
OVERFLOW_MS = 3_600_000.0


def usage() -> Select[Any]:
    groups = _not_null(
        "tenant", "kind", "route", "outcome", "error_code", "cache", "model_revision"
    )
    computed = and_(column.cache == "miss", column.outcome == "answered")
    model_ms = column.upstream_ms + column.total_ms - column.first_text_ms
    return _select_span(
        bindparam("begin", type_=UtcTime).label("starts_at"),
        _day(),
        bindparam("hour", type_=Integer).label("business_hour"),
        *groups,
        func.count().label("requests"),
        func.sum(column.total_ms).label("total_ms"),
        func.coalesce(func.sum(case((computed, model_ms))), 0).label("model_ms"),
        func.coalesce(func.sum(column.prompt_tokens), 0).label("prompt_tokens"),
        func.coalesce(func.sum(column.completion_tokens), 0).label("completion_tokens"),
    ).group_by(*groups)


def latency() -> Select[Any]:
    groups = _not_null("tenant", "kind", "route", "cache", "model_revision")
    up_to = _upper_bound(column.total_ms, (*BOUNDS_MS, OVERFLOW_MS)).label("up_to_ms")
    return (
        _select_span(
            bindparam("begin", type_=UtcTime).label("starts_at"),
            _day(),
            *groups,
            up_to,
            func.count().label("answers"),
        )
        .where(column.outcome == "answered")
        .group_by(*groups, up_to)
    )


def reach() -> Select[Any]:
    row = _with_visitor("user_pseudonym", "image_digest", "question_hash")
    return select(
        _day(),
        row.tenant,
        func.count(row.user_pseudonym.distinct()).label("users"),
        func.count(row.visitor.distinct()).label("sessions"),
        func.count(row.image_digest.distinct()).label("photos"),
        func.count(row.question_hash.distinct()).label("questions"),
    ).group_by(row.tenant)


def repeats() -> Select[Any]:
    """Repeats of answered questions. Callers without session and user count as one asker."""
    row = _with_visitor("user_pseudonym", "image_digest", "question_hash", "outcome")
    asker = func.coalesce(row.user_pseudonym, row.visitor, "")
    pairs = (
        select(
            row.tenant,
            func.count().label("asks"),
            func.count(asker.distinct()).label("askers"),
        )
        .where(row.outcome == "answered", row.question_hash.is_not(None))
        .group_by(row.tenant, row.question_hash, row.image_digest)
        .subquery()
    )
    return select(
        _day(),
        pairs.c.tenant,
        func.sum(pairs.c.asks).label("asks"),
        func.count().label("different"),
        func.sum(pairs.c.askers).label("by_asker"),
    ).group_by(pairs.c.tenant)


def topics() -> Select[Any]:
    groups = _not_null("tenant", "language", "intent", "client")
    return (
        _select_span(
            _day(),
            *groups,
            func.count().label("asks"),
            _count_if(column.outcome == "answered").label("answered"),
        )
        .where(column.intent.is_not(None))
        .group_by(*groups)
    )


def questions() -> Select[Any]:
    row = _with_visitor(
        *("interaction_id", "question_hash", "image_digest", "language", "intent"),
        *("outcome", "cache"),
    )
    groups = row.tenant, row.question_hash
    return (
        select(
            _day(),
            *groups,
            func.min(row.language).label("language"),
            func.min(row.intent).label("intent"),
            func.min(row.interaction_id).label("example_id"),
            func.count().label("asked"),
            _count_if(row.outcome == "answered").label("answered"),
            _count_if(row.cache.in_(("hit", "stale", "joined"))).label("from_cache"),
            func.count(row.image_digest.distinct()).label("photos"),
            func.count(row.visitor.distinct()).label("sessions"),
        )
        .where(row.question_hash.is_not(None))
        .group_by(*groups)
    )


def photos() -> Select[Any]:
    row = _with_visitor(
        *("kind", "question_hash", "image_digest"),
        *("image_format", "image_width", "image_height"),
    )
    groups = row.tenant, row.image_digest
    return (
        select(
            _day(),
            *groups,
            func.min(row.image_format).label("image_format"),
            func.min(row.image_width).label("image_width"),
            func.min(row.image_height).label("image_height"),
            _count_if(row.kind == "upload").label("uploads"),
            func.count(row.question_hash).label("asked"),
            func.count(row.question_hash.distinct()).label("questions"),
            func.count(row.visitor.distinct()).label("sessions"),
        )
        .where(row.image_digest.is_not(None))
        .group_by(*groups)
    )


def funnel() -> Select[Any]:
    row = _with_visitor("interaction_id", "question_hash", "image_digest", "outcome")
    asked = row.question_hash.is_not(None)
    steps = {
        "with_photo": row.image_digest.is_not(None),
        "asked": asked,
        "answered": and_(asked, row.outcome == "answered"),
        "voted": feedback.c.vote.is_not(None),
        "thumbs_up": feedback.c.vote == "up",
    }
    # DISTINCT: an interaction with two votes is here twice.
    questions = func.count(case((asked, row.interaction_id)).distinct())
    visits = (
        select(
            row.tenant,
            *(func.max(_to_int(step)).label(name) for name, step in steps.items()),
            _to_int(questions > 1).label("asked_again"),
        )
        .outerjoin(feedback, feedback.c.interaction_id == row.interaction_id)
        .where(row.visitor.is_not(None))
        .group_by(row.tenant, row.visitor)
        .subquery()
    )
    reached = (func.sum(visits.c[name]).label(name) for name in (*steps, "asked_again"))
    return select(_day(), visits.c.tenant, func.count().label("sessions"), *reached).group_by(
        visits.c.tenant
    )


def _with_visitor(*names: str) -> ReadOnlyColumnCollection[str, ColumnElement[Any]]:
    """The span's rows, with `visitor`: their session. Those of one request, which may be of a
    client that never gives a session back, are together the visitor with whom they began."""
    own = func.count().over(partition_by=(column.tenant, column.session_id)) > 1
    visitor = case((own, column.session_id), else_=func.substr(column.session_id, 1, ORIGIN_DIGITS))
    columns = (column.tenant, *(column[name] for name in names), visitor.label("visitor"))
    return _select_span(*columns).subquery().c


def _select_span(*columns: ColumnElement[Any]) -> Select[Any]:
    within = and_(column.asked_at >= bindparam("begin"), column.asked_at < bindparam("end"))
    return select(*columns).where(within)


def _to_int(holds: ColumnElement[bool]) -> ColumnElement[int]:
    return case((holds, 1), else_=0)


def _count_if(holds: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(_to_int(holds))


def _day() -> ColumnElement[Any]:
    return bindparam("day", type_=Date).label("business_day")


def _not_null(*names: str) -> list[ColumnElement[Any]]:
    """Columns to group by: NULL becomes an empty text, as in the tables of the roll-ups."""
    return [func.coalesce(column[name], "").label(name) for name in names]


def _upper_bound(value: ColumnElement[Any], bounds: tuple[float, ...]) -> ColumnElement[Any]:
    """The lowest bound that is not below the value. Nested CASEs halve the bounds: 7 comparisons
    instead of 35."""
    if len(bounds) == 1:
        return literal(bounds[0])
    middle = len(bounds) // 2
    lower, upper = _upper_bound(value, bounds[:middle]), _upper_bound(value, bounds[middle:])
    return case((value <= bounds[middle - 1], lower), else_=upper)
