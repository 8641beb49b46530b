"""The batch lane of a replica over HTTP: who is refused, who waits for how long, and who leaves."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from contract.http_protocol import HttpProtocol
from contract.pixels.decoder import PhotoDecoder
from inference.app import create_app
from inference.config import Settings
from inference.schema_trials import SchemaTrials
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint
from tests.support.asking import chat, photo, post, text_of
from tests.support.servers import served, wait_until

LINE = {"x-priority": "batch"}
# Random weights: an answer goes on to the limit of a replica, for 1.2 s on a fast machine.
LONG = 3500


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One slot, and room for two lines. A shopper's default deadline is short."""
    checkpoint = make_checkpoint(tmp_path_factory.mktemp("tiny"), SHAPE_TINY)
    settings = Settings(
        _env_file=None,
        checkpoint=str(checkpoint),
        image_helpers=1,
        slots=1,
        batch_queue_limit=2,
        default_deadline_ms=500,
    )
    with served(create_app(settings), http=HttpProtocol) as url:
        yield url


def metric(url: str, name: str) -> float:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name + " ")), 0.0)


def waiting(url: str) -> float:
    return metric(url, 'inference_queue_depth{lane="batch"}')


@pytest.fixture(autouse=True)
def idle(replica: str) -> None:
    """Whoever left at the end of the test before has been counted."""
    wait_until("those before have left", lambda: metric(replica, "inference_slots_used") == 0)
    wait_until("nor do any wait", lambda: waiting(replica) == 0)


@contextmanager
def asked(url: str, data: bytes | None = None, **body: Any) -> Iterator[None]:
    """A line on its way, whose sender leaves at the end without having read an answer."""
    content = json.dumps(chat("what?", data, **body)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(content)}\r\n"
    head += "content-type: application/json\r\nx-priority: batch\r\n\r\n"
    port = int(url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(head.encode() + content)
        yield


def test_a_full_lane_says_so_and_a_shopper_is_answered_all_the_same(replica: str) -> None:
    with asked(replica, max_tokens=LONG, stream=True):
        wait_until("in flight", lambda: metric(replica, "inference_batch_slots_used") == 1)
        preempted = metric(replica, 'inference_preemptions_total{reason="shopper"}')
        with asked(replica, max_tokens=2), asked(replica, max_tokens=2):
            wait_until("the lane is full", lambda: waiting(replica) == 2)
            refused = post(replica, chat("and this?"), **LINE)
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "batch_lane_full"
            assert 1 <= int(refused.headers["retry-after"]) <= 60
            assert text_of(post(replica, chat("a shopper?", max_tokens=5)))
            # Here there is one slot, so it was the line's.
            after = metric(replica, 'inference_preemptions_total{reason="shopper"}')
            assert after == preempted + 1
    wait_until("all have left", lambda: waiting(replica) == 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_sender_that_leaves_takes_its_line_out_of_the_lane(replica: str, stream: bool) -> None:
    """Before the first piece, when no byte of an answer is on its way."""
    with asked(replica, max_tokens=LONG, stream=True):
        wait_until("in flight", lambda: metric(replica, "inference_batch_slots_used") == 1)
        cancelled = metric(replica, 'inference_requests_total{outcome="cancelled"}')
        with asked(replica, max_tokens=2, stream=stream):
            wait_until("it waits", lambda: waiting(replica) == 1)
        wait_until("it has left", lambda: waiting(replica) == 0, 5)
        after = metric(replica, 'inference_requests_total{outcome="cancelled"}')
        assert after == cancelled + 1
        assert metric(replica, "inference_batch_slots_used") == 1


def test_a_line_without_a_deadline_may_wait_longer_than_a_shopper(replica: str) -> None:
    with asked(replica, max_tokens=LONG, stream=True):
        wait_until("in flight", lambda: metric(replica, "inference_batch_slots_used") == 1)
        shopper = post(replica, chat("what?", max_tokens=LONG))
        assert (shopper.status_code, shopper.json()["error"]["code"]) == (504, "deadline_exceeded")
        began = time.monotonic()
        told = post(replica, chat("what?", max_tokens=2), **LINE, **{"x-deadline-ms": "300"})
        assert (told.status_code, told.json()["error"]["code"]) == (504, "deadline_exceeded")
        assert time.monotonic() - began < 5
    wait_until("it has left", lambda: metric(replica, "inference_batch_slots_used") == 0)
    # Another answer: on a fast machine the first one might end before the wait is over.
    with asked(replica, max_tokens=LONG, stream=True):
        wait_until("in flight", lambda: metric(replica, "inference_batch_slots_used") == 1)
        with asked(replica, max_tokens=2):
            wait_until("it waits", lambda: waiting(replica) == 1)
            time.sleep(0.7)
            assert waiting(replica) == 1


def test_a_sender_that_leaves_in_mid_answer_frees_its_slot(replica: str) -> None:
    """One that did not ask for a stream: no byte of its answer has gone out."""
    cancelled = metric(replica, 'inference_requests_total{outcome="cancelled"}')
    with asked(replica, max_tokens=LONG):
        wait_until("in flight", lambda: metric(replica, "inference_batch_slots_used") == 1)
        time.sleep(0.2)
    wait_until("it has left", lambda: metric(replica, "inference_slots_used") == 0)
    assert metric(replica, 'inference_requests_total{outcome="cancelled"}') == cancelled + 1


@pytest.mark.parametrize("slow", ["decoder", "schemas"])
def test_a_sender_that_leaves_takes_the_photo_and_the_schema_out_of_the_helpers_queue(
    replica: str, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the engine knows of the question."""
    begun, ended = threading.Event(), threading.Event()

    async def endless(*_: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    kind, method = {"decoder": (PhotoDecoder, "checked"), "schemas": (SchemaTrials, "check")}[slow]
    monkeypatch.setattr(kind, method, endless)
    with asked(replica, photo(), response_format={"type": "json_object"}):
        assert begun.wait(5)
        assert not ended.wait(0.1)
    assert ended.wait(5)


JSON = "application/json"
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@contextmanager
def half_sent(url: str, body: bytes) -> Iterator[socket.socket]:
    """A question of which all but the last byte was sent."""
    host, _, port = url.removeprefix("http://").partition(":")
    before = metric(url, "inference_preparing")
    with socket.create_connection((host, int(port))) as connection:
        length = f"content-length: {len(body)}\r\n\r\n".encode()
        connection.sendall(HEAD + length + body[:-1])
        wait_until("it is there", lambda: metric(url, "inference_preparing") == before + 1)
        yield connection
    wait_until("it is not", lambda: metric(url, "inference_preparing") == before)


def test_the_time_to_the_first_token_begins_with_the_request(replica: str) -> None:
    names = [
        f'inference_{name}_seconds_sum{{lane="interactive"}}' for name in ("ttft", "preparing")
    ]
    before = [metric(replica, name) for name in names]
    with half_sent(replica, json.dumps(chat("what?", max_tokens=1)).encode()) as connection:
        time.sleep(0.3)
        connection.sendall(b"}")
        assert connection.recv(12) == b"HTTP/1.1 200"
    for name, seconds in zip(names, before, strict=True):
        assert metric(replica, name) >= seconds + 0.3, name


def test_who_leaves_or_is_refused_before_the_queue_is_counted(replica: str) -> None:
    def outcomes(name: str) -> float:
        return metric(replica, f'inference_requests_total{{outcome="{name}"}}')

    names = ("cancelled", "invalid_json", "model_not_found", "context_length_exceeded")
    before = {name: outcomes(name) for name in names}
    with half_sent(replica, b"{}"):
        pass
    httpx.post(f"{replica}/v1/chat/completions", content=b"{", headers={"content-type": JSON})
    post(replica, {**chat("what?"), "model": "another"})
    post(replica, chat("\u16a0" * 2000))
    wait_until("the leaver is counted", lambda: outcomes("cancelled") > before["cancelled"])
    assert {name: outcomes(name) for name in names} == {n: v + 1 for n, v in before.items()}
