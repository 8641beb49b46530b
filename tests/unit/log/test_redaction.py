import json

import pytest

from gateway.log.event import BadEvent, id_of
from gateway.log.redaction import (
    CONTENT,
    IMPERSONAL,
    WITHOUT_PERSON,
    without_content,
    without_person,
)
from gateway.log.schema.tables import interactions
from tests.support.events import event

FULL = event(
    question="这是真皮吗?",
    answer="canary",
    user_pseudonym="1" * 32,
    session_id="2" * 32,
    image_digest="d" * 64,
    product_kind="手提包",
    mood="of a newer version",
    total_ms=1.5,
)


def test_a_column_that_nobody_has_allowed_to_stay_goes() -> None:
    columns = set(interactions.c.keys())
    assert set(IMPERSONAL) <= columns, "a name that is no column protects nothing"
    assert WITHOUT_PERSON.keys() == columns - set(IMPERSONAL)
    assert {"user_pseudonym", "session_id", "request_id", *CONTENT} <= WITHOUT_PERSON.keys()


def test_an_erased_event_says_only_that_there_was_a_request() -> None:
    left = json.loads(without_person(FULL))
    assert left.keys() <= {*IMPERSONAL, "v", "request_id"}
    assert (left["request_id"], left["total_ms"]) == ("", 1.5)
    assert id_of(without_person(FULL)) == id_of(FULL)
    assert len(without_person(FULL)) == len(FULL), "its owner has counted it"


def test_an_old_event_says_who_and_not_what() -> None:
    left = json.loads(without_content(FULL))
    gone = {"question", "answer", "image_digest", "product_kind"}
    assert json.loads(FULL).keys() - left.keys() == gone | {
        name for name in CONTENT if name in json.loads(FULL)
    }
    assert left["user_pseudonym"] == "1" * 32


@pytest.mark.parametrize("text", ["", "[]", "{", "canary"])
def test_what_is_no_event_is_not_guessed_at(text: str) -> None:
    for redacted in (without_person, without_content):
        with pytest.raises(BadEvent):
            redacted(text)
