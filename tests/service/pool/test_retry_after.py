"""A replica restarts, and the official client, which sleeps for as long as it is told and gives up
after two tries, does not notice."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from gateway.cli.embedded import free_port
from tests.support.asking import chat, post
from tests.support.servers import wait_until
from tests.support.stub_process import stub_process

Start = Callable[..., str]
RESTART_S = 4.0


def answer_of(client: OpenAI, question: str) -> str:
    messages = chat(question)["messages"]
    answer = client.chat.completions.create(model="shopsight", messages=messages)
    return answer.choices[0].message.content or ""


@pytest.mark.long
def test_the_official_client_survives_a_replica_s_restart(
    start_gateway: Start, tmp_path: Path
) -> None:
    port = free_port()
    with ExitStack() as stack:
        with stub_process(tmp_path, port) as replica:
            gateway = start_gateway(replicas=replica.url)
            client = OpenAI(base_url=f"{gateway}/v1", api_key="unused")
            assert "Before" in answer_of(client, "Before?")
            replica.process.kill()
            replica.process.wait()

        def start_again() -> None:
            time.sleep(RESTART_S)
            stack.enter_context(stub_process(tmp_path, port))

        restarting = threading.Thread(target=start_again)
        restarting.start()
        assert "During" in answer_of(client, "During?")
        restarting.join()


def test_how_long_the_last_restart_took_is_what_the_next_is_told(
    start_gateway: Start, tmp_path: Path
) -> None:
    port = free_port()
    told = []
    with stub_process(tmp_path, port) as replica:
        gateway = start_gateway(replicas=replica.url)

        def ready() -> bool:
            return httpx.get(f"{gateway}/readyz").json()["pool"] is True

        wait_until("ready", ready)
        for times in range(2):
            replica.behave(ready=False)
            wait_until("down", lambda: not ready())
            told.append(int(post(gateway, chat(f"{times}?")).headers["retry-after"]))
            time.sleep(1.2)
            replica.behave(ready=True)
            wait_until("ready again", ready)
    first, second = told
    assert 8 <= first <= 10
    assert 1 <= second < first
