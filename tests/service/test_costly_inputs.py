"""The corpus of inputs that cost more than they look like: each several times, through the gateway
and straight at the replica, with a good question right after. None is a 5xx, none ejects, memory
stays."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.cli.embedded import Stack
from loadtest.corpus.services import memory_mb
from tests.support import bad_inputs
from tests.support.asking import chat, post
from tests.support.bad_inputs import SCHEMAS
from tests.support.bombs import flat
from tests.support.servers import wait_until

pytestmark = pytest.mark.long

TIMES = 8
CHAT = "/v1/chat/completions"

PHOTOS = {each[0]: each[1:] for each in bad_inputs.PHOTOS if each[3] == "image_too_complex"}


@pytest.fixture
def stack(embedded_stack: Stack) -> Iterator[Stack]:
    """The same processes stand afterwards, with about the same memory."""
    before, pids = memory_mb(embedded_stack), [c.process.pid for c in embedded_stack.children]
    yield embedded_stack
    settles_below(max(before["gateway_mb"] + 40, 150), embedded_stack)
    assert [c.process.pid for c in embedded_stack.children] == pids
    assert all(child.process.poll() is None for child in embedded_stack.children)
    after = memory_mb(embedded_stack)
    assert after["replica_mb"] < before["replica_mb"] + 150, (before, after)


def settles_below(most_mb: float, stack: Stack) -> None:
    """The gateway's memory: what is free goes back to the kernel once a second."""
    what = f"a gateway of less than {most_mb:.0f} MB"
    wait_until(what, lambda: memory_mb(stack)["gateway_mb"] < most_mb, timeout_s=10)


def good_question(stack: Stack, sample: Path, number: int) -> None:
    question = chat(f"What is it? {number} {time.monotonic_ns()}", sample.read_bytes())
    assert post(stack.url, {**question, "max_tokens": 2}).status_code == 200


@pytest.mark.parametrize("fault", SCHEMAS)
def test_a_costly_schema_is_400_and_costs_nobody_else(
    stack: Stack, sample_photo: Path, fault: str
) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMAS[fault]}}
    for number in range(TIMES):
        for url in (stack.url, stack.replica_url):
            turns = [{"role": "user", "content": f"what {number}?"}]
            answer = post(url, {"messages": turns, "response_format": wanted})
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (400, "invalid_schema")
            assert error["param"] == "response_format"
            assert "99999991" not in json.dumps(error)
        good_question(stack, sample_photo, number)


@pytest.mark.parametrize("fault", PHOTOS)
def test_a_costly_photo_is_refused_and_costs_nobody_else(
    stack: Stack, sample_photo: Path, fault: str
) -> None:
    make, status, code = PHOTOS[fault]
    data = make()
    for number in range(3):
        # Otherwise the second would be known from the first.
        answers = [
            httpx.post(f"{stack.url}/v1/images", content=data + bytes([number]), timeout=60),
            post(stack.replica_url, chat("what?", data + bytes([number]))),
        ]
        for answer in answers:
            assert answer.status_code == status
            assert answer.json()["error"]["code"] == code
        good_question(stack, sample_photo, number)


def test_the_largest_photos_leave_the_gateway_as_small_as_it_was(
    stack: Stack, sample_photo: Path
) -> None:
    for number in range(10):
        data = flat(8000, 7490 + number % 10, "JPEG", quality=30)
        answer = httpx.post(f"{stack.url}/v1/images", content=data, timeout=60)
        # On a machine that is busy enough its 2 s of CPU may not suffice.
        assert answer.status_code in (201, 422), answer.text
        good_question(stack, sample_photo, number)
    settles_below(150, stack)
