"""Bodies beyond what a gateway may hold are refused, whatever their path. Small ones go on."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest

from tests.support.asking import chat, photo, post
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

MB = 1024 * 1024


@pytest.fixture
def gateway(start_gateway: Callable[..., str], stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url, body_bytes_in_flight=16 * MB)


def holding(gateway: str, size: int, address: str = "") -> socket.socket:
    """A request of which the last byte is missing."""
    client = socket.create_connection(("127.0.0.1", int(gateway.rsplit(":", 1)[1])), timeout=30)
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"X-Forwarded-For: {address}\r\n" if address else ""
    client.sendall(f"{head}Content-Length: {size + 1}\r\n\r\n".encode() + b" " * size)
    return client


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/chat/completions", {"content-type": "application/json"}),
        ("/v1/images", {"content-type": "image/jpeg"}),
        ("/v1/images", {"content-type": "image/jpeg", "idempotency-key": "of this upload"}),
    ],
)
@pytest.mark.parametrize("chunked", [True, False])
def test_what_does_not_fit_is_503_until_something_leaves(
    gateway: str, path: str, headers: dict[str, str], chunked: bool
) -> None:
    session = post(gateway, chat("a first one?")).headers["x-shopsight-session"]

    def send() -> httpx.Response:
        body = [bytes(MB)] * 9
        content = iter(body) if chunked else b"".join(body)
        own = {**headers, "x-shopsight-session": session}
        return httpx.post(gateway + path, content=content, headers=own)

    with holding(gateway, 9 * MB):
        wait_until("it is held", lambda: send().status_code == 503)
        refused = send()
        assert refused.json()["error"]["code"] == "overloaded"
        assert refused.headers["retry-after"]
        assert post(gateway, chat("a small one?", photo())).status_code == 200
    wait_until("it is gone", lambda: send().status_code in (400, 415))


def test_what_was_held_is_free_again_after_any_end(gateway: str) -> None:
    """Answered, refused, left: each gives back what it held."""
    large = json.dumps(chat("what?", photo() + bytes(5 * MB))).encode()
    for _ in range(6):
        answers: list[int] = []

        def ask(answers: list[int] = answers) -> None:
            headers = {"content-type": "application/json"}
            url = f"{gateway}/v1/chat/completions"
            answers.append(httpx.post(url, content=large, headers=headers).status_code)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200, 200]
        holding(gateway, 6 * MB).close()
        wait_until(
            "free",
            lambda: httpx.post(f"{gateway}/v1/images", content=bytes(9 * MB)).status_code == 415,
        )


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [("8.8.8.8", "8.8.8.8", "8.8.4.4"), ("2001:db8:0:1::1", "2001:db8:0:1:2::3", "2001:db8::1")],
)
def test_one_address_holds_a_share_and_others_go_on(
    start_gateway: Callable[..., str], stub: StubReplica, one: str, same: str, other: str
) -> None:
    gateway = start_gateway(
        replicas=stub.url,
        body_bytes_in_flight=32 * MB,
        places_share=0.5,
        trusted_proxies="127.0.0.0/8",
    )

    def send(address: str, size: int) -> tuple[int, str]:
        answer = httpx.post(
            f"{gateway}/v1/images", content=bytes(size), headers={"x-forwarded-for": address}
        )
        return answer.status_code, answer.json()["error"]["code"]

    fits = (415, "unsupported_image_type")
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(holding(gateway, 7 * MB, one))
        wait_until("it holds its share", lambda: send(same, 9 * MB) != fits)
        assert send(same, 9 * MB) == (429, "rate_limited")
        assert send(same, 9 * MB)[0] == 429, "each time"
        assert send(other, 9 * MB) == fits
        stack.enter_context(holding(gateway, 7 * MB, other))
        assert send(other, 9 * MB)[0] == 429, "of what others leave"
        assert post(gateway, chat("a small one?", photo()), **{"x-forwarded-for": one}).is_success
    wait_until("it is gone", lambda: send(one, 10 * MB) == fits)


def test_a_single_body_may_have_all_that_is_free(
    start_gateway: Callable[..., str], stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url, body_bytes_in_flight=16 * MB, places_share=0.5)
    assert httpx.post(f"{gateway}/v1/images", content=bytes(10 * MB)).status_code == 415
