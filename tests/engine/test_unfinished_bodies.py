"""Straight at a replica: bodies that do not come cost it a bounded time, and are few."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path

import httpx
import pytest

from contract.process import arrivals
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint
from tests.engine.test_draining import LINE, metric, replica, told
from tests.support.asking import chat, post
from tests.support.servers import wait_until

HEAD = (
    "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
    "x-deadline-ms: {deadline_ms}\r\ncontent-length: 100000\r\n\r\n"
)
PREPARING = "inference_preparing"
# One slot, and so many wait.
QUEUE = 2


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    checkpoint: Path = make_checkpoint(tmp_path_factory.mktemp("tiny"), SHAPE_TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUEUE_LIMIT", str(QUEUE))
        with replica(checkpoint, 30) as (url, _):
            yield url


def unfinished(url: str, deadline_ms: int = 60_000) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), timeout=30)
    client.sendall(HEAD.format(deadline_ms=deadline_ms).encode() + b" " * 90_000)
    return client


def test_its_time_begins_before_its_body_is_there(url: str) -> None:
    with unfinished(url, deadline_ms=200) as client:
        answer = HTTPResponse(client)
        answer.begin()
        assert (answer.status, b"deadline_exceeded" in answer.read()) == (504, True)
    assert metric(url, PREPARING) == 0


def test_whatever_time_it_says_it_has(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "BODY_S", 0.3)
    with unfinished(url, deadline_ms=99_999_999) as client:
        wait_until("let go of", lambda: client.recv(100) == b"")
    wait_until("forgotten", lambda: metric(url, PREPARING) == 0)


def test_no_more_are_read_than_questions_could_wait(url: str) -> None:
    with ExitStack() as stack:
        for _ in range(QUEUE + 1):
            stack.enter_context(unfinished(url))
        wait_until("they are held", lambda: metric(url, PREPARING) == QUEUE + 1)
        refused = post(url, chat("what?"))
        assert told(refused) == (503, "overloaded")
        assert refused.headers["retry-after"]
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert told(post(url, chat("what?", max_tokens=2), **LINE))[0] == 200, "a lane of its own"
    wait_until("they are gone", lambda: metric(url, PREPARING) == 0)
    assert post(url, chat("what?", max_tokens=2)).status_code == 200
