"""A replica that is told to end, over HTTP: who is answered, and who is told to ask elsewhere."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from contract.wire import NOT_BEGUN_HEADER
from gateway.cli.embedded import free_port
from inference.__main__ import Server, make_server
from inference.app import create_app
from inference.config import Settings
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint
from tests.support.asking import chat, post
from tests.support.servers import wait_until

LINE = {"x-priority": "batch"}
# Random weights: an answer goes on to its bound, which takes seconds.
LONG = 3500


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("tiny"), SHAPE_TINY)


@contextmanager
def replica(checkpoint: Path, drain_s: int) -> Iterator[tuple[str, Server]]:
    """As it runs, in a thread, with one slot."""
    port = free_port()
    settings = Settings(
        _env_file=None,
        checkpoint=str(checkpoint),
        image_helpers=1,
        slots=1,
        inference_port=port,
    )
    server = make_server(create_app(settings), settings, drain_s)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until("server", lambda: server.started or not thread.is_alive())
    try:
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def metric(url: str, name: str) -> float:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name + " ")), 0.0)


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("error", {}).get("code", "")


def test_lines_that_wait_are_sent_elsewhere_while_the_one_in_flight_is_answered(
    checkpoint: Path,
) -> None:
    with replica(checkpoint, 30) as (url, server), ThreadPoolExecutor(4) as askers:

        def ask(max_tokens: int) -> "Future[tuple[httpx.Response, float]]":
            def asked() -> tuple[httpx.Response, float]:
                return post(url, chat("what?", max_tokens=max_tokens), **LINE), time.monotonic()

            return askers.submit(asked)

        in_flight = ask(LONG)
        wait_until("in flight", lambda: metric(url, "inference_batch_slots_used") == 1)
        lines = [ask(LONG) for _ in range(3)]
        depth = 'inference_queue_depth{lane="batch"}'
        wait_until("the others wait", lambda: metric(url, depth) == 3)
        server.should_exit = True
        answered, answered_at = in_flight.result(60)
        assert answered.status_code == 200
        for line in lines:
            refused, refused_at = line.result(60)
            assert told(refused) == (503, "no_replica")
            assert NOT_BEGUN_HEADER in refused.headers
            assert refused_at < answered_at


def test_what_outlasts_the_drain_is_told_so_in_our_form(checkpoint: Path) -> None:
    with replica(checkpoint, 0) as (url, server), ThreadPoolExecutor(2) as askers:
        shopper = askers.submit(post, url, chat("what?", max_tokens=LONG))
        wait_until("in flight", lambda: metric(url, "inference_slots_used") == 1)
        server.should_exit = True
        answer = shopper.result(30)
        assert told(answer) == (503, "no_replica")
        assert answer.headers["retry-after"]
        assert NOT_BEGUN_HEADER not in answer.headers


def test_who_is_told_to_end_while_weights_load_does_not_wait_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They load for minutes, and nobody has asked yet."""
    server = make_server(FastAPI(), Settings(_env_file=None))
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit, match=str(128 + signal.SIGTERM)):
        server.handle_exit(signal.SIGTERM, None)
    assert not server.should_exit
    server.started = True
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
