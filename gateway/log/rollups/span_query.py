"""What the queries of roll-ups have in common: the rows of one span, and who a visitor is."""

from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, bindparam, case, func, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from gateway.log.products import BATCH_LINE
from gateway.log.schema.tables import interactions

column = interactions.c
# Of a session's digits: where it began, see gateway/identity/sessions.py.
ORIGIN_DIGITS = 16


def with_visitor(
    *names: str, batch_lines: bool = False
) -> ReadOnlyColumnCollection[str, ColumnElement[Any]]:
    """The span's rows, with `visitor`: their session. Those of one request, which may be of a
    client that never gives a session back, are together the visitor with whom they began. And
    `person`: the visitor, or the user whom a caller without a session names. `batch_lines`: also
    those that no shopper has asked."""
    own = func.count().over(partition_by=(column.tenant, column.session_id)) > 1
    visitor = case((own, column.session_id), else_=func.substr(column.session_id, 1, ORIGIN_DIGITS))
    person = func.coalesce(visitor, column.user_pseudonym).label("person")
    columns = (column.tenant, *(column[name] for name in names), visitor.label("visitor"), person)
    rows = select_span(*columns) if batch_lines else of_shoppers(*columns)
    return rows.subquery().c


def of_shoppers(*columns: ColumnElement[Any]) -> Select[Any]:
    """Without lines of batches: ten thousand of a merchant's would drown what shoppers ask."""
    return select_span(*columns).where(column.kind != BATCH_LINE)


def select_span(*columns: ColumnElement[Any]) -> Select[Any]:
    within = and_(column.asked_at >= bindparam("begin"), column.asked_at < bindparam("end"))
    return select(*columns).where(within)


def to_int(holds: ColumnElement[bool]) -> ColumnElement[int]:
    return case((holds, 1), else_=0)


def count_if(holds: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(to_int(holds))


def day() -> ColumnElement[Any]:
    return bindparam("day", type_=Date).label("business_day")


def not_null(*names: str) -> list[ColumnElement[Any]]:
    """Columns to group by: NULL becomes an empty text, as in the tables of the roll-ups."""
    return [func.coalesce(column[name], "").label(name) for name in names]
