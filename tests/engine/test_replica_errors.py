"""What a replica without a gateway says of a question that fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.http_protocol import HttpProtocol
from inference.app import create_app
from inference.batching import passes
from inference.batching.sequence import Sequence
from inference.config import Settings
from tests.support.asking import chat, events_of, photo, post
from tests.support.servers import served


@pytest.fixture(scope="module")
def replica(model_folder: Path) -> Iterator[str]:
    settings = Settings(_env_file=None, checkpoint=str(model_folder), image_helpers=1)
    with served(create_app(settings), http=HttpProtocol) as url:
        yield url


def is_chinese(message: str) -> bool:
    return any("一" <= char <= "鿿" for char in message)


UNFIT = {"type": "string", "minLength": 5, "maxLength": 3}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "unfit", "schema": UNFIT}}


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer breaks behind its fifth token: the first characters are out."""
    add = Sequence.add_token

    def add_token(row: Sequence, *args: Any) -> bool:
        if row.answer_tokens == 5:
            raise RuntimeError("broken")
        return add(row, *args)

    monkeypatch.setattr(Sequence, "add_token", add_token)


ASKED = [  # in which language, which one the client prefers, and which one it is told in
    ("这是什么材质？", "en", True),
    ("What is it made of?", "zh", False),
    ("???", "zh", True),
    ("???", "en", False),
]


@pytest.mark.parametrize(
    ("code", "data", "body"),
    [
        ("image_undecodable", photo()[:600], {}),
        ("model_not_found", None, {"model": "another"}),
        ("invalid_schema", None, {"response_format": SCHEMA}),
        ("internal_error", None, {}),
        ("internal_error", None, {"stream": True}),
    ],
)
@pytest.mark.usefixtures("breaking")
def test_an_error_is_in_the_language_of_the_question(
    replica: str, code: str, data: bytes | None, body: dict[str, Any]
) -> None:
    for question, accepted, chinese in ASKED:
        answer = post(replica, {**chat(question, data), **body}, **{"accept-language": accepted})
        error = (events_of(answer)[-1] if "stream" in body else answer.json())["error"]
        assert error["code"] == code
        assert is_chinese(error["message"]) == chinese, question


@pytest.mark.parametrize("given", ["a1b2c3d4-e5f6", "", "no id"])
@pytest.mark.usefixtures("breaking")
def test_a_failure_is_found_in_the_log_by_the_request_s_id(
    replica: str, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    answer = post(replica, chat("what?"), **({"x-request-id": given} if given else {}))
    assert answer.json()["error"]["code"] == "internal_error"
    (failure,) = [each for each in caplog.records if each.name == "inference.batching.job"]
    identity = answer.headers["x-request-id"]
    assert vars(failure)["fields"] == {"request_id": identity}
    assert (identity == given) == ("-" in given)


def test_a_pass_that_fails_names_all_of_its_requests(
    replica: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(*_: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(passes, "choose", choose)
    answer = post(replica, chat("what?"))
    assert answer.json()["error"]["code"] == "internal_error"
    (failure,) = [each for each in caplog.records if each.name == "inference.batching.passes"]
    assert vars(failure)["fields"] == {"request_ids": [answer.headers["x-request-id"]]}
