"""The SELECTs behind roll-ups of what shoppers do one after the other: the first question and what
follows it, who comes back, and what is asked of which product. Bound as those of `queries`, and
with `day_before` and `week_before`."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Date,
    Integer,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from gateway.log.products import BATCH_LINE
from gateway.log.rollups.span_query import (
    count_if,
    day,
    of_shoppers,
    select_span,
    to_int,
    with_visitor,
)
from gateway.log.rollups.tables import business_days
from gateway.log.schema.columns import UtcTime, seconds_between
from gateway.log.schema.tables import feedback, interactions

column = interactions.c
# Days after which visitors are looked for again, and the parameter that names the first day.
RETURNS = {1: "day_before", 7: "week_before"}


def first_questions() -> Select[Any]:
    """Visitors by the language of their first question of the day, and what they did then."""
    row = with_visitor("interaction_id", "asked_at", "question_hash", "language", "outcome")
    place = func.row_number().over(
        partition_by=(row.tenant, row.person), order_by=(row.asked_at, row.interaction_id)
    )
    asked = (
        select(row.tenant, row.person, row.interaction_id, row.asked_at, row.outcome, row.language)
        .add_columns(place.label("place"))
        .where(row.question_hash.is_not(None), row.person.is_not(None))
        .subquery()
    )
    first, vote = asked.c.place == 1, feedback.c.vote
    visits = (
        select(
            asked.c.tenant,
            func.coalesce(func.max(case((first, asked.c.language))), "").label("language"),
            func.max(to_int(and_(first, asked.c.outcome == "answered"))).label("answered"),
            to_int(func.count(asked.c.interaction_id.distinct()) > 1).label("asked_again"),
            func.max(to_int(vote.is_not(None))).label("voted"),
            func.max(to_int(vote == "up")).label("thumbs_up"),
            func.min(asked.c.asked_at).label("first_at"),
            func.min(feedback.c.created_at).label("thumb_at"),
        )
        .outerjoin(feedback, feedback.c.interaction_id == asked.c.interaction_id)
        .group_by(asked.c.tenant, asked.c.person)
        .subquery()
    )
    waited = seconds_between(visits.c.first_at, visits.c.thumb_at)
    names = ("answered", "asked_again", "voted", "thumbs_up")
    return select(
        day(),
        visits.c.tenant,
        visits.c.language,
        func.count().label("asked"),
        *(func.sum(visits.c[name]).label(name) for name in names),
        func.coalesce(func.sum(waited), 0).label("thumb_seconds"),
    ).group_by(visits.c.tenant, visits.c.language)


def returns() -> CompoundSelect[Any]:
    """How many visitors were here (0 days later), and how many of those of a day and of a week
    before are here again. A visitor is a user who was named, or a session of two requests and
    more: a session of one may be a client that never gives its session back."""
    here = _people(column.asked_at >= bindparam("begin"), column.asked_at < bindparam("end"))
    parts = [
        _counted(0, select(here.c.tenant.label("tenant")).where(here.c.lasting == 1).subquery())
    ]
    for later, name in RETURNS.items():
        before = business_days.alias(name)
        is_first = before.c.business_day == bindparam(name, type_=Date)
        begin = select(before.c.starts_at).where(is_first).scalar_subquery()
        end = select(before.c.ends_at).where(is_first).scalar_subquery()
        first = _people(column.asked_at >= begin, column.asked_at < end)
        same = and_(first.c.tenant == here.c.tenant, first.c.person == here.c.person)
        again = select(here.c.tenant.label("tenant")).join(first, same)
        parts.append(_counted(later, again.where(first.c.lasting == 1).subquery()))
    return union_all(*parts)


def _people(*within: ColumnElement[bool]) -> Subquery:
    person = func.coalesce(column.user_pseudonym, column.session_id)
    lasting = or_(func.count(column.user_pseudonym) > 0, func.count() > 1)
    return (
        select(column.tenant, person.label("person"), to_int(lasting).label("lasting"))
        .where(*within, person.is_not(None), column.kind != BATCH_LINE)
        .group_by(column.tenant, person)
        .subquery()
    )


def _counted(later: int, people: Subquery) -> Select[Any]:
    return select(
        day(),
        people.c.tenant,
        literal(later, Integer).label("days_later"),
        func.count().label("visitors"),
    ).group_by(people.c.tenant)


def products() -> CompoundSelect[Any]:
    """Cards by kind, with an empty intent, and questions by the kind that a card of the same day
    has told of their photo."""
    of_cards = (
        select_span(
            column.tenant,
            column.image_digest,
            column.product_kind,
            column.outcome,
        )
        .where(column.product_kind.is_not(None))
        .subquery()
    )
    cards = select(
        day(),
        of_cards.c.tenant,
        of_cards.c.product_kind,
        literal("").label("intent"),
        func.count().label("cards"),
        literal(0, Integer).label("asks"),
        literal(0, Integer).label("answered"),
        func.count(of_cards.c.image_digest.distinct()).label("photos"),
    ).group_by(of_cards.c.tenant, of_cards.c.product_kind)
    # A window, not a join with the kinds: MariaDB counts those anew for each question of the day
    # (an hour for a day of 17,000 rows).
    kind = func.min(column.product_kind).over(partition_by=(column.tenant, column.image_digest))
    asked = (
        select_span(column.tenant, column.image_digest, column.intent, column.outcome, column.kind)
        .add_columns(kind.label("product_kind"))
        .where(column.image_digest.is_not(None))
        .subquery()
    )
    asks = (
        select(
            day(),
            asked.c.tenant,
            asked.c.product_kind,
            asked.c.intent,
            literal(0, Integer).label("cards"),
            func.count().label("asks"),
            count_if(asked.c.outcome == "answered").label("answered"),
            func.count(asked.c.image_digest.distinct()).label("photos"),
        )
        .where(asked.c.intent.is_not(None), asked.c.product_kind.is_not(None))
        .where(asked.c.kind != BATCH_LINE)  # a card of a batch tells the kind, too
        .group_by(asked.c.tenant, asked.c.product_kind, asked.c.intent)
    )
    return union_all(cards, asks)


def unseen() -> Select[Any]:
    groups = column.tenant, column.cannot_see, func.coalesce(column.intent, "").label("intent")
    query = of_shoppers(day(), *groups, func.count().label("answers"))
    return query.where(column.cannot_see.is_not(None)).group_by(*groups)


def moderation() -> Select[Any]:
    groups = column.tenant, column.moderation
    query = select_span(day(), *groups, func.count().label("requests"))
    return query.where(column.moderation.is_not(None)).group_by(*groups)


def steps() -> Select[Any]:
    """Of each request of a session, or of a user without one, the place among those of the day
    (`step`) and the seconds since the one before. Only where the row does not say so yet."""
    asker = func.coalesce(column.session_id, column.user_pseudonym)
    of_one: Any = (column.tenant, asker)
    in_time: Any = (column.asked_at, column.interaction_id)
    previous_at = func.lag(column.asked_at, type_=UtcTime())
    rows = (
        of_shoppers(
            column.interaction_id,
            column.asked_at,
            column.session_step,
            func.row_number().over(partition_by=of_one, order_by=in_time).label("step"),
            previous_at.over(partition_by=of_one, order_by=in_time).label("previous_at"),
        )
        .where(asker.is_not(None))
        .subquery()
        .c
    )
    return select(
        rows.interaction_id,
        rows.step,
        seconds_between(rows.previous_at, rows.asked_at).label("seconds"),
    ).where(or_(rows.session_step.is_(None), rows.session_step != rows.step))
