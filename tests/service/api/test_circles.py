"""What is refused leaves no photo behind, without a collection of garbage: that comes late, and a
photo may have 10 MB. A traceback holds frames, these what they awaited, and that the error."""

import asyncio
import base64
import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from contract.images import EncodedImage
from tests.support import bad_inputs
from tests.support.asking import chat, photo, post
from tests.support.batches import CHAT, ended, line_to, new_key, send, settings_of, shop
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]

COSTLY = [each[0] for each in bad_inputs.PHOTOS if each[3] == "image_too_complex"]
PHOTOS = [(each[0], each[1]) for each in bad_inputs.PHOTOS if each[0] not in (*COSTLY, "100 MP")]


def held() -> int:
    return sum(isinstance(each, EncodedImage) for each in gc.get_objects())


@pytest.fixture(autouse=True)
def _no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("way", ["upload", "chat", "form"])
def test_a_photo_that_cannot_be_used_is_not_held(start_gateway: Start, way: str) -> None:
    url, before = start_gateway(), held()
    for _, make in PHOTOS:
        if way == "upload":
            answer = httpx.post(f"{url}/v1/images", content=make())
        elif way == "chat":
            answer = post(url, chat("what?", make()))
        else:
            form = {"question": "what?"}
            answer = httpx.post(f"{url}/v1/ask", data=form, files={"photo": make()})
        assert answer.is_client_error, answer.text
    wait_until("photos let go of", lambda: held() <= before, timeout_s=5)


def test_the_second_of_two_photos_is_not_held_either(start_gateway: Start) -> None:
    url, before = start_gateway(), held()
    body = chat("which?", photo())
    (turn,) = body["messages"]
    turn["content"] += chat("which?", photo()[:600])["messages"][0]["content"]
    assert post(url, body).status_code == 422
    wait_until("photos let go of", lambda: held() <= before, timeout_s=5)


@pytest.mark.parametrize("stream", [False, True])
def test_a_photo_that_no_replica_answers_about_is_not_held(
    start_gateway: Start, stub: StubReplica, stream: bool
) -> None:
    url, before = start_gateway(replicas=stub.url), held()
    for behaviour in ("500", "503", "garbage", "empty", "cut", "error_event", "late_error_event"):
        stub.behaviour = behaviour
        answer = post(url, chat(f"what is it, {behaviour}?", photo(), stream=stream))
        assert answer.is_server_error or "error" in answer.text
    wait_until("photos let go of", lambda: held() <= before, timeout_s=5)


@pytest.mark.parametrize("how", ["sent along", "by id"])
def test_who_leaves_while_waiting_leaves_no_photo_behind(
    start_gateway: Start, stub: StubReplica, how: str
) -> None:
    """With a replica, in the queue for its only place, and behind somebody who asks the same."""
    url, before = start_gateway(replicas=stub.url, replica_concurrency=1), held()
    stub.held.add("patience")

    async def ask_and_leave() -> None:
        async with httpx.AsyncClient() as client:
            given: dict[str, object] = {"image": base64.b64encode(photo()).decode()}
            if how == "by id":
                uploaded = await client.post(f"{url}/v1/images", content=photo())
                given = {"image_id": uploaded.json()["id"]}
                client.headers["x-shopsight-session"] = uploaded.headers["x-shopsight-session"]
            asking = []
            for what in ("has it patience?", "what is next?", "what is next?"):
                asked = client.post(f"{url}/v1/chat/completions", json={**given, "prompt": what})
                asking.append(asyncio.create_task(asked))
                while not stub.calls:  # noqa: ASYNC110 - of another thread
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.2)
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    asyncio.run(ask_and_leave())
    wait_until("photos let go of", lambda: held() <= before, timeout_s=5)


def test_who_asks_anew_after_another_has_left_holds_no_photo_of_theirs(
    start_gateway: Start, stub: StubReplica
) -> None:
    """The first of two that ask the same leaves, and their time is up; the second goes on."""
    given = {"replicas": stub.url, "replica_concurrency": 1, "deadline_ms": 3000}
    url, before = start_gateway(**given), held()
    stub.held.add("patience")
    image = base64.b64encode(photo()).decode()

    async def ask_both() -> None:
        async with httpx.AsyncClient(timeout=20) as client:

            def ask(what: str) -> asyncio.Task[httpx.Response]:
                body = {"image": image, "prompt": what}
                return asyncio.create_task(client.post(f"{url}/v1/chat/completions", json=body))

            patient = ask("has it patience?")
            while not stub.calls:  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0.01)
            first = ask("what is next?")
            await asyncio.sleep(0.8)
            second = ask("what is next?")
            await asyncio.sleep(0.2)
            first.cancel()
            await asyncio.gather(patient, first, second, return_exceptions=True)

    asyncio.run(ask_both())
    wait_until("photos let go of", lambda: held() <= before, timeout_s=5)


def test_lines_of_a_batch_hold_none_either(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'log.db'}"
    client_key = new_key(database, "shop")
    url, before = start_gateway(**settings_of(tmp_path, database, stub.url)), held()
    photos = [make() for name, make in PHOTOS if name in ("half a JPEG", "bad CRC", "GIF", "1x1")]
    lines = [line_to(CHAT, number, **chat("what?", data)) for number, data in enumerate(photos)]
    client = shop(url, client_key)
    counts = ended(client, send(client, lines)).request_counts
    assert counts is not None
    assert counts.failed == len(photos) == 4
    wait_until("photos let go of", lambda: held() <= before, timeout_s=5)
