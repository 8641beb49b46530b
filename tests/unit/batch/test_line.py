"""When a line is tried again, and what the files say of it."""

import json
import uuid

import pytest

from gateway.batch.line import (
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


def test_a_busy_service_costs_no_try_and_everybody_waits() -> None:
    for tries in (1, 100):
        assert pause_after(answer(503, 10.0), tries) == Pause(10.0, False, "all")
    assert pause_after(answer(503, 9_999.0), 1) == Pause(60.0, False, "all")


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
