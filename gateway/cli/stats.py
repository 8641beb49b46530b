"""`shopsight stats`: what shoppers asked and how they were answered, from the behaviour log."""

from sqlalchemy import Engine, case, func, select

from gateway.config import Settings
from gateway.log.database import open_database
from gateway.log.reconcile import waiting_ids
from gateway.log.tables import interactions as log


def summary(engine: Engine) -> str:
    """A few lines of plain text; the same SQL on SQLite, MariaDB and MySQL."""
    answered = log.c.outcome == "answered"
    with engine.connect() as connection:
        total, good, photos, hits = connection.execute(
            select(
                func.count(),
                func.sum(case((answered, 1), else_=0)),
                func.count(log.c.image_digest.distinct()),
                func.sum(case((log.c.cache == "hit", 1), else_=0)),
            )
        ).one()
        by_cache = connection.execute(
            select(log.c.cache, func.count(), func.avg(log.c.total_ms))
            .where(answered)
            .group_by(log.c.cache)
            .order_by(log.c.cache)
        ).all()
        by_language = connection.execute(
            select(log.c.language, func.count())
            .where(log.c.language.is_not(None))
            .group_by(log.c.language)
            .order_by(func.count().desc())
        ).all()
        top = connection.execute(
            select(log.c.question, func.count())
            .where(answered)
            .group_by(log.c.question)
            .order_by(func.count().desc(), log.c.question)
            .limit(3)
        ).all()
    if not total:
        return "The log is empty."
    lines = [
        f"questions {total} · answered {good} · photos {photos} · from cache {hits / total:.0%}",
        *(f"{cache:>6}: {count} answers, mean {ms:.1f} ms" for cache, count, ms in by_cache),
        "languages: " + ", ".join(f"{name} {count}" for name, count in by_language),
        *(f"asked {count}×: {question}" for question, count in top),
    ]
    return "\n".join(lines)


def run() -> int:
    settings = Settings()
    waiting = len(waiting_ids(settings.spool_dir))
    engine = open_database(settings)
    print(summary(engine))
    engine.dispose()
    if waiting:
        print(f"on their way into the log: {waiting}")
    return 0
