"""When a line is tried again, and what the files say of it."""

import json
import uuid

import pytest

from gateway.batch.line import (
    AWAY_PAUSES_S,
    MAX_TRIES,
    PAUSES_S,
    Answer,
    Pause,
    not_asked,
    pause_after,
    result_of,
)


def answer(status: int, retry_after_s: float | None = None) -> Answer:
    return Answer(status, "batch_req_1", {"a": "鞋"}, retry_after_s)


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        (422, "image_url_unreachable", True),
        (422, "image_url_too_slow", True),
        (409, "image_url_changed", True),
        (422, "image_url_refused", False),
        (422, "image_undecodable", False),
    ],
)
def test_a_photo_s_own_server_may_have_another_moment(status: int, code: str, again: bool) -> None:
    failed = Answer(status, "batch_req_1", {"error": {"code": code}})
    pauses = [pause_after(failed, tries) for tries in range(1, MAX_TRIES + 1)]
    assert pauses == ([Pause(s, True, "line") for s in PAUSES_S] if again else [None] * 4) + [None]


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 413, 422])
def test_what_would_be_the_same_again_is_the_line_s_last(status: int) -> None:
    assert pause_after(answer(status), 1) is None


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_failure_is_tried_again_with_growing_pauses_and_not_for_ever(status: int) -> None:
    pauses = [pause_after(answer(status), tries) for tries in range(1, MAX_TRIES + 1)]
    assert pauses[-1] is None
    told = [pause for pause in pauses if pause is not None]
    assert [pause.seconds for pause in told] == list(PAUSES_S)
    assert all(pause.counts and pause.whose == "line" for pause in told)


def busy(code: str, retry_after_s: float = 10.0, named_revision: bool = False) -> Answer:
    body = {"error": {"code": code}}
    return Answer(503, "batch_req_1", body, retry_after_s, named_revision)


@pytest.mark.parametrize("code", ["overloaded", "no_replica", "log_unavailable"])
def test_a_busy_service_costs_no_try_and_everybody_waits(code: str) -> None:
    for tries in (1, 100):
        assert pause_after(busy(code), tries) == Pause(10.0, False, "all")
    assert pause_after(busy(code, 9_999.0), 1) == Pause(60.0, False, "all")
    assert pause_after(busy("log_unavailable", named_revision=True), 1) == Pause(10.0, False, "all")


@pytest.mark.parametrize(
    ("code", "named_revision"),
    [("overloaded", True), ("image_store_unavailable", False), ("file_store_unavailable", False)],
)
def test_what_may_be_busy_for_one_tenant_alone_lets_the_others_go_on(
    code: str, named_revision: bool
) -> None:
    for tries in (1, 100):
        waits = pause_after(busy(code, named_revision=named_revision), tries)
        assert waits == Pause(10.0, False, "tenant")


@pytest.mark.parametrize(
    ("code", "named_revision"), [("no_replica", True), ("moderation_unavailable", False)]
)
def test_a_line_that_alone_cannot_be_asked_waits_alone_and_not_for_ever(
    code: str, named_revision: bool
) -> None:
    failed = busy(code, named_revision=named_revision)
    pauses = [pause_after(failed, tries) for tries in range(1, MAX_TRIES + 1)]
    assert pauses == [*[Pause(s, True, "line") for s in AWAY_PAUSES_S], None]
    assert sum(AWAY_PAUSES_S[:2]) > 60, "a restart of a minute costs no line"


def test_a_limit_stops_its_tenant_and_is_asked_about_again() -> None:
    assert pause_after(answer(429, 3.0), 9) == Pause(3.0, False, "tenant")
    assert pause_after(answer(429, 40_000.0), 9) == Pause(300.0, False, "tenant"), "raised, perhaps"


def test_a_line_of_a_file_is_in_openai_s_form() -> None:
    outcome, written = result_of("q1", answer(200))
    assert outcome == "completed"
    assert written.isascii()
    assert json.loads(written) == {
        "id": "batch_req_1",
        "custom_id": "q1",
        "response": {"status_code": 200, "request_id": "batch_req_1", "body": {"a": "鞋"}},
        "error": None,
    }
    assert result_of("q1", answer(422))[0] == "failed"
    expired = json.loads(not_asked(uuid.UUID(int=1), 7, "q1", "expired"))
    assert (expired["custom_id"], expired["response"]) == ("q1", None)
    assert expired["error"]["code"] == "batch_expired"
