import json
import uuid
from typing import Any

import pytest

from contract.errors import InvalidField, InvalidJSON, ShopsightError
from gateway.errors import RateLimited
from gateway.feedback.form import MAX_REASON_CHARS, Vote, parse_vote
from gateway.feedback.limit import MAX_VOTES, WINDOW_S, VoteLimit

ID = "0190a0b0-0000-7000-8000-000000000001"


def body(**fields: Any) -> bytes:
    return json.dumps({"interaction_id": ID, "vote": "down", **fields}).encode()


def test_a_vote_is_read() -> None:
    read = parse_vote(body(reason="答非所问", user="u-1"))
    assert read == Vote(uuid.UUID(ID), "down", "答非所问", "u-1")
    assert parse_vote(body(vote="up")).reason is None
    for reason, user in ((None, None), ("", ""), (" \n", "")):
        empty = body(vote="up", reason=reason, user=user)
        assert parse_vote(empty) == parse_vote(body(vote="up"))


def test_the_id_of_an_answer_in_openais_form_will_do() -> None:
    ours = "chatcmpl-" + ID.replace("-", "")
    assert parse_vote(body(interaction_id=ours)) == parse_vote(body())


def test_a_reason_is_masked_before_anything_else_sees_it() -> None:
    assert parse_vote(body(reason="打我电话 13812345678")).reason == "打我电话 [phone]"


@pytest.mark.parametrize(
    ("data", "error", "param"),
    [
        (body(vote="sideways"), InvalidField, "vote"),
        (body(vote=None), InvalidField, "vote"),
        (body(vote=1), InvalidField, "vote"),
        (body(interaction_id="1"), InvalidField, "interaction_id"),
        (body(interaction_id=ID.upper()), InvalidField, "interaction_id"),
        (body(interaction_id=f"{{{ID}}}"), InvalidField, "interaction_id"),
        (body(interaction_id=7), InvalidField, "interaction_id"),
        (body(reason="x" * (MAX_REASON_CHARS + 1)), InvalidField, "reason"),
        (body(reason="a\x00"), InvalidField, "reason"),
        (body(stars=5), InvalidField, "stars"),
        (body(**{"stars!": 5}), InvalidField, None),
        (b'{"vote": "up"}', InvalidField, "interaction_id"),
        (b'{"vote": "up", "vote": "down"}', InvalidJSON, None),
        (b'{"interaction_id": "\\ud800"}', InvalidField, None),
        (b"", InvalidJSON, None),
        (b"[]", InvalidJSON, None),
    ],
)
def test_anything_else_is_a_named_error(
    data: bytes, error: type[ShopsightError], param: str | None
) -> None:
    with pytest.raises(error) as raised:
        parse_vote(data)
    assert raised.value.param == param


def test_the_longest_reason_fits_however_it_is_escaped() -> None:
    text = "\U0001f45c" * MAX_REASON_CHARS
    assert parse_vote(body(reason=text)).reason == text


def test_a_voter_in_a_hurry_is_slowed_down_and_nobody_else() -> None:
    now = 0.0
    limit = VoteLimit(lambda: now)
    for _ in range(MAX_VOTES):
        limit.check("one")
    with pytest.raises(RateLimited):
        limit.check("one")
    limit.check("another")
    now = WINDOW_S
    limit.check("one")
