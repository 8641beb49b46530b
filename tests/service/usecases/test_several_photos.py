"""Several photos in one conversation through a gateway: what is asked, kept and refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pybase64
import pytest

from contract.images import EncodedImage, check_image
from gateway.identity.sessions import SESSION_HEADER
from tests.support.asking import data_uri, photo, post, rows, text_of
from tests.support.foreign_replica import foreign_replica
from tests.support.pictures import encoded, picture
from tests.support.stub_replica import StubReplica
from tests.unit.contract.test_several_photos import ANSWER, A, B, C, turn

Start = Callable[..., str]
SECOND = "messages.0.content.1.image_url.url"


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica, tmp_path: Path) -> str:
    return start_gateway(replicas=stub.url, image_dir=tmp_path / "images")


def ask(url: str, *messages: dict[str, Any], **headers: str) -> httpx.Response:
    return post(url, {"model": "shopsight", "messages": list(messages)}, **headers)


def digest(data: bytes) -> str:
    return check_image(EncodedImage(data)).facts.digest


def urls(call: dict[str, Any]) -> list[str]:
    return [
        part["image_url"]["url"]
        for message in call["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "image_url"
    ]


def test_a_replica_gets_all_photos_and_the_answer_is_kept_under_all(
    gateway: str, stub: StubReplica
) -> None:
    first = ask(gateway, turn(A, B))
    assert text_of(first)
    assert urls(stub.calls[0]) == [A, B]
    assert stub.headers[0]["x-image-digest"] == digest(photo(1)), "the first one is what leads it"
    again = ask(gateway, turn(A, B))
    png = data_uri(encoded(check_image(EncodedImage(photo(2))).pixels, "PNG"))
    recoded = ask(gateway, turn(A, png))
    assert [first.headers["x-cache"], again.headers["x-cache"]] == ["miss", "hit"]
    assert recoded.headers["x-cache"] == "hit", "the same pixels"
    others = [
        [turn(A)], [turn(B)], [turn(B, A)], [turn(A, C)], [turn(A, B, C)], [turn(A, A)],
        [turn(A), ANSWER, turn(B)], [turn(), ANSWER, turn(A, B)], [turn(A, B), ANSWER, turn()],
    ]  # fmt: skip
    told = [ask(gateway, *messages).headers["x-cache"] for messages in others]
    assert told == ["miss"] * len(others)


def test_a_photo_sent_again_with_each_turn_is_the_question_without_it(
    gateway: str, stub: StubReplica
) -> None:
    once = ask(gateway, turn(A), ANSWER, turn(text="why?"))
    again = ask(gateway, turn(A), ANSWER, turn(A, text="why?"))
    assert [once.headers["x-cache"], again.headers["x-cache"]] == ["miss", "hit"]
    assert urls(stub.calls[0]) == [A]


def test_photos_come_by_id_and_as_data_together(gateway: str, stub: StubReplica) -> None:
    uploaded = httpx.post(f"{gateway}/v1/images", content=photo(2))
    token = {SESSION_HEADER: uploaded.headers[SESSION_HEADER]}
    name = uploaded.json()["id"]
    for shown in ([A, name], [name, A]):
        body = [turn(*shown)]
        assert text_of(ask(gateway, *body, **token))
        assert ask(gateway, *body, **token).headers["x-cache"] == "hit"
        stranger = ask(gateway, *body)
        assert stranger.status_code == 404, "known or not, it has an owner"
        place = f"messages.0.content.{shown.index(name)}.image_url.url"
        assert stranger.json()["error"]["param"] == place
    assert len(urls(stub.calls[0])) == 2
    by_data = ask(gateway, turn(A, B))
    assert by_data.headers["x-cache"] == "hit", "the upload has the same pixels"


def test_the_photo_at_fault_is_named(gateway: str, stub: StubReplica) -> None:
    damaged = data_uri(photo(2)[:200])
    refused = ask(gateway, turn(A, damaged))
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, SECOND)
    first = ask(gateway, turn(damaged, A))
    assert first.json()["error"]["param"] == SECOND.replace(".1.", ".0.")
    assert stub.calls == []


def test_photos_together_are_no_more_than_one_may_be(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(
        replicas=stub.url, image_dir=tmp_path / "images",
        session_limits="stored_bytes=100000000 stored_photos=10",
    )  # fmt: skip
    with httpx.Client(base_url=gateway, timeout=40) as client:
        names = []
        for seed in (1, 2):
            large = photo(seed) + b"\0" * 6_000_000  # bytes behind its end, which are cut off
            noisy = encoded(picture(1500, 1500, seed), "PNG")
            data = noisy if len(noisy) > 5_500_000 else large
            names.append(client.post("/v1/images", content=data).json()["id"])
        answer = client.post("/v1/chat/completions", json={"messages": [turn(*names)]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (413, SECOND)
    assert answer.json()["error"]["code"] == "payload_too_large"


def test_a_blocked_photo_is_blocked_wherever_it_stands(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(replicas=stub.url, blocked_images=digest(photo(2)))
    for messages in ([turn(A, B)], [turn(B, A)], [turn(A), ANSWER, turn(B)]):
        refused = ask(gateway, *messages)
        assert refused.json()["error"]["code"] == "content_blocked"
    assert stub.calls == []
    assert text_of(ask(gateway, turn(A, C)))
    found = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert found[-1]["image_digest"] == digest(photo(1)), "the row names the first"


def test_a_server_of_another_kind_gets_a_picture_and_a_name_of_each(
    start_gateway: Start, tmp_path: Path
) -> None:
    with foreign_replica("Qwen/Qwen3-VL-8B-Instruct") as server:
        upstreams = json.dumps([{"url": server.url, "kind": "vllm"}])
        gateway = start_gateway(upstreams=upstreams)
        assert text_of(ask(gateway, turn(A), ANSWER, turn(B, C)))
    (call,) = server.calls
    parts = [
        part
        for message in call["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "image_url"
    ]
    assert len({part["uuid"] for part in parts}) == 3
    sizes = []
    for part in parts:
        head, _, data = part["image_url"]["url"].partition(",")
        assert head == "data:image/jpeg;base64"
        sizes.append(check_image(EncodedImage(pybase64.b64decode(data))).pixels.size)
    assert sizes == [check_image(EncodedImage(photo(n))).pixels.size for n in (1, 2, 3)]
