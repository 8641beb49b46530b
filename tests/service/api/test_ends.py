"""However a request ends, its client gets an error in our form: when the server ends before the
answer, and when something fails outside of all routes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.guard import Guard
from gateway.api.hosts import Hosts
from gateway.api.server import Server, make_server
from gateway.cli.embedded import free_port
from tests.support.servers import wait_until


@contextmanager
def served(app: ASGIApp, drain_s: int = 1) -> Iterator[tuple[str, Server]]:
    port = free_port()
    server = make_server(Guard(app, Hosts("")), "127.0.0.1", port, drain_s)
    server.config.lifespan = "off"
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until("server", lambda: server.started)
    try:
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.should_exit = True
        thread.join(20)


def failed(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["x-request-id"]
    return answer.status_code, answer.json()["error"]["code"]


def test_a_question_that_outlasts_the_server_is_sent_elsewhere() -> None:
    reached = threading.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        reached.set()
        await asyncio.sleep(3600)

    told: list[httpx.Response] = []
    with served(endless) as (url, server):
        ask = {"accept-language": "zh", "x-request-id": "a-request-1"}
        thread = threading.Thread(
            target=lambda: told.append(httpx.post(url, headers=ask, timeout=30))
        )
        thread.start()
        assert reached.wait(20)
        server.should_exit = True
        thread.join(30)
    (answer,) = told
    assert failed(answer) == (503, "overloaded")
    assert (answer.headers["retry-after"], answer.headers["x-request-id"]) == ("2", "a-request-1")
    assert "请稍后再试" in answer.text


def test_a_fault_outside_of_all_routes_has_our_form(caplog: pytest.LogCaptureFixture) -> None:
    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("a secret of somebody")

    with served(faulty) as (url, _):
        answer = httpx.post(url, timeout=30)
    assert failed(answer) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "unhandled" in caplog.text


def test_an_answer_that_breaks_off_is_not_taken_for_whole() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise KeyError("late")

    with served(broken) as (url, _), pytest.raises(httpx.RemoteProtocolError):
        httpx.post(url, timeout=30)


@pytest.mark.parametrize("given", ["a-request-1", "no, thanks"])
def test_every_answer_has_an_id_to_report_it_by(given: str) -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    with served(silent) as (url, _):
        told = httpx.get(url, headers={"x-request-id": given}).headers["x-request-id"]
    assert len(told) > 7
    assert (told == given) == (" " not in given)
