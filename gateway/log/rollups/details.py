"""What leaves the roll-ups that name single questions, photos and products: with their content's
retention, and with an erased person."""

from datetime import date

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, func, select

from gateway.log.rollups import pending_spans
from gateway.log.rollups.roll_up import DETAIL_TABLES, JOURNEYS, VISITS
from gateway.log.rollups.tables import (
    business_days,
    daily_photos,
    daily_products,
    daily_questions,
)
from gateway.log.schema.tables import interactions


def drop_details(engine: Engine, before: date) -> None:
    """Delete the rows of DETAIL_TABLES from days before `before`, one day at a time: they may be as
    many as interactions."""
    for table in DETAIL_TABLES:
        day = table.c.business_day
        with engine.connect() as connection:
            while (oldest := connection.scalar(select(func.min(day)))) and oldest < before:
                connection.execute(delete(table).where(day == oldest))
                connection.commit()


def recount_details(connection: Connection, which: ColumnElement[bool]) -> None:
    """Delete from DETAIL_TABLES what names the questions and photos of these interactions. Others
    may have asked the same, so their days are counted again. In the caller's transaction."""
    interaction, day = interactions.c, business_days.c
    in_day = and_(interaction.asked_at >= day.starts_at, interaction.asked_at < day.ends_at)
    # This comes first, as in `roll_up`: two transactions that lock in the same order cannot
    # deadlock.
    starts = connection.scalars(select(day.starts_at).where(which, in_day).distinct())
    days_of_rows = list(starts)
    for rollup in (VISITS, JOURNEYS):
        pending_spans.add(connection, rollup.name, days_of_rows)
    for table, name in (
        (daily_questions, "question_hash"),
        (daily_photos, "image_digest"),
        (daily_products, "product_kind"),
    ):
        query = select(interaction.tenant, interaction[name], day.business_day).where(which, in_day)
        query = query.where(interaction[name].is_not(None)).distinct()
        for tenant, value, business_day in connection.execute(query):
            key = (
                table.c.tenant == tenant,
                table.c[name] == value,
                table.c.business_day == business_day,
            )
            connection.execute(delete(table).where(*key))
