"""Who counts as one voter against a cached answer."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, insert

from gateway.feedback.quarantine import Quarantine
from gateway.log.schema.tables import feedback, quarantined_answers


@pytest.mark.parametrize(
    ("sessions", "quarantined"),
    [(["a" * 16 + digit * 16 for digit in "123"], False), ([n * 32 for n in "123"], True)],
)
def test_sessions_that_began_alike_are_one_voter(sessions: list[str], quarantined: bool) -> None:
    engine = create_engine("sqlite://")
    feedback.create(engine)
    quarantined_answers.create(engine)
    with engine.begin() as connection:
        for session in sessions:
            row = {"interaction_id": uuid4(), "vote": "down", "created_at": datetime.now(UTC)}
            row |= {"tenant": "t", "session_id": session, "answer_key": "k" * 64}
            connection.execute(insert(feedback), row)
        judge = Quarantine().quarantine_if_voted_down
        assert judge(connection, "k" * 64, "t", None, 3) == quarantined
