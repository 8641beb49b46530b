"""Which answers of the old revision are computed ahead: the most asked for, first."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from gateway.canary.hottest import hottest
from gateway.log.given_answers import GivenAnswer
from tests.support.canaries import log_asked


def asked(engine: Engine, key: str, times: int, revision: str = "old", **columns: object) -> None:
    """In nobody's name, unless `columns` say whose."""
    log_asked(engine, revision, times, answer_key=key, image_digest=f"photo of {key}", **columns)


def keys(engine: Engine, limit: int = 10) -> list[str]:
    return [each.key for each in hottest(engine, "old", limit)]


def test_the_most_asked_for_come_first_and_no_more_than_wanted(engine: Engine) -> None:
    for key, times in (("seldom", 2), ("often", 5), ("sometimes", 3)):
        asked(engine, key, times)
    assert keys(engine) == ["often", "sometimes", "seldom"]
    assert hottest(engine, "old", 1) == [GivenAnswer("old", "photo of often", "often")]


def test_hits_count_as_they_are_what_makes_a_question_hot(engine: Engine) -> None:
    asked(engine, "computed twice", 2)
    asked(engine, "given again", 1)
    asked(engine, "given again", 6, cache="hit")
    assert keys(engine) == ["given again", "computed twice"]


def test_only_answers_of_the_old_revision_of_a_day_count(engine: Engine) -> None:
    asked(engine, "ours", 2)
    asked(engine, "of the new one", 9, revision="new")
    asked(engine, "failed", 9, outcome="failed")
    asked(engine, "of yesterday", 9, asked_at=datetime.now(UTC) - timedelta(hours=25))
    assert keys(engine) == ["ours"]


def test_what_one_person_alone_has_asked_is_not_among_them(engine: Engine) -> None:
    asked(engine, "hers alone", 9, user_pseudonym="li")
    asked(engine, "of a browser alone", 9, session_id="s1")
    asked(engine, "of two", 1, user_pseudonym="li")
    asked(engine, "of two", 1, session_id="s1")
    assert keys(engine) == ["of two"]
