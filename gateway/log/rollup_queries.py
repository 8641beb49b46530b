"""The SELECT behind each roll-up: the interactions of one span, grouped. Made once; each span gives
its `begin`, `end`, `day` and `hour`."""

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

from gateway.log.columns import UtcTime
from gateway.log.tables import interactions

log = interactions.c
# Upper bounds of the latency histogram: four to a doubling, from half a millisecond to a minute. A
# percentile read from it, interpolated within its step, is off by 19 % at most, 3 % as a rule.
BOUNDS_MS = tuple(round(2 ** (k / 4), 4) for k in range(-4, 65))
# What took longer; the longest deadline is far below.
BEYOND_MS = 3_600_000.0


def usage() -> Select[Any]:
    groups = _filled("tenant", "kind", "route", "outcome", "error_code", "cache", "model_revision")
    computed = and_(log.cache == "miss", log.outcome == "answered")
    model_ms = log.upstream_ms + log.total_ms - log.first_text_ms
    return _of(
        bindparam("begin", type_=UtcTime).label("starts_at"),
        _day(),
        bindparam("hour", type_=Integer).label("business_hour"),
        *groups,
        func.count().label("requests"),
        func.sum(log.total_ms).label("total_ms"),
        func.coalesce(func.sum(case((computed, model_ms))), 0).label("model_ms"),
        func.coalesce(func.sum(log.prompt_tokens), 0).label("prompt_tokens"),
        func.coalesce(func.sum(log.completion_tokens), 0).label("completion_tokens"),
    ).group_by(*groups)


def latency() -> Select[Any]:
    groups = _filled("tenant", "kind", "route", "cache", "model_revision")
    up_to = _bound(log.total_ms, (*BOUNDS_MS, BEYOND_MS)).label("up_to_ms")
    return (
        _of(
            bindparam("begin", type_=UtcTime).label("starts_at"),
            _day(),
            *groups,
            up_to,
            func.count().label("answers"),
        )
        .where(log.outcome == "answered")
        .group_by(*groups, up_to)
    )


def reach() -> Select[Any]:
    return _of(
        _day(),
        log.tenant,
        func.count(log.user_pseudonym.distinct()).label("users"),
        func.count(log.session_id.distinct()).label("sessions"),
        func.count(log.image_digest.distinct()).label("photos"),
        func.count(log.question_hash.distinct()).label("questions"),
    ).group_by(log.tenant)


def repeats() -> Select[Any]:
    """Of answered questions; who has neither session nor user counts as one asker."""
    asker = func.coalesce(log.user_pseudonym, log.session_id, "")
    pairs = (
        _of(
            log.tenant,
            func.count().label("asks"),
            func.count(asker.distinct()).label("askers"),
        )
        .where(log.outcome == "answered", log.question_hash.is_not(None))
        .group_by(log.tenant, log.question_hash, log.image_digest)
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
    groups = _filled("tenant", "language", "intent", "client")
    return (
        _of(
            _day(),
            *groups,
            func.count().label("asks"),
            func.sum(case((log.outcome == "answered", 1), else_=0)).label("answered"),
        )
        .where(log.question.is_not(None))
        .group_by(*groups)
    )


def _of(*columns: ColumnElement[Any]) -> Select[Any]:
    within = and_(log.asked_at >= bindparam("begin"), log.asked_at < bindparam("end"))
    return select(*columns).select_from(interactions).where(within)


def _day() -> ColumnElement[Any]:
    return bindparam("day", type_=Date).label("business_day")


def _filled(*names: str) -> list[ColumnElement[Any]]:
    return [func.coalesce(log[name], "").label(name) for name in names]


def _bound(value: ColumnElement[Any], bounds: tuple[float, ...]) -> ColumnElement[Any]:
    """The lowest bound that is not below the value, by halving: 7 comparisons instead of 35."""
    if len(bounds) == 1:
        return literal(bounds[0])
    middle = len(bounds) // 2
    lower, upper = _bound(value, bounds[:middle]), _bound(value, bounds[middle:])
    return case((value <= bounds[middle - 1], lower), else_=upper)
