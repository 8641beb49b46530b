"""Servers of other kinds keep prompts and photos that they have computed. No tenant may tell, by
how fast an answer begins, what another one has asked or shown."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.identity.keys import hash_key
from tests.support.asking import chat, photo, post, text_of
from tests.support.foreign_replica import ForeignReplica, foreign_replica

Start = Callable[..., str]
KEYS = f"acme {hash_key('key-1')}\nboutique {hash_key('key-2')}"
SECRET = "of all gateways"


@pytest.fixture
def server() -> Iterator[ForeignReplica]:
    with foreign_replica("Qwen/Qwen3-VL-8B-Instruct") as replica:
        yield replica


@pytest.fixture
def ask(start_gateway: Start, server: ForeignReplica) -> Callable[..., dict[str, Any]]:
    """Asks through a gateway of its own, and answers what the server was sent."""

    def ask(
        key: str | None, *, kind: str = "vllm", secret: str = SECRET, seed: int = 1, **fields: Any
    ) -> dict[str, Any]:
        upstreams = json.dumps([{"url": server.url, "kind": kind, **fields}])
        gateway = start_gateway(upstreams=upstreams, session_secret=secret, api_keys=KEYS)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        text_of(post(gateway, chat(f"what {len(server.calls)}?", photo(seed)), **headers))
        return server.calls[-1]

    return ask


def photo_name(call: dict[str, Any]) -> str:
    return str(call["messages"][-1]["content"][0]["uuid"])


def test_each_tenant_has_names_of_its_own_for_prompts_and_photos(
    ask: Callable[..., dict[str, Any]],
) -> None:
    calls = [ask("key-1"), ask("key-2"), ask(None)]
    assert len({call["cache_salt"] for call in calls}) == 3
    assert len({photo_name(call) for call in calls}) == 3
    for call in calls:
        assert len(call["cache_salt"]) == len(photo_name(call)) == 64, "vLLM takes 128 at most"
    assert not any(name in json.dumps(calls) for name in ("acme", "boutique"))


def test_all_gateways_of_one_secret_name_alike_and_others_cannot_guess(
    ask: Callable[..., dict[str, Any]],
) -> None:
    one, other, stranger = ask("key-1"), ask("key-1"), ask("key-1", secret="of another")
    assert one["cache_salt"] == other["cache_salt"] != stranger["cache_salt"]
    assert photo_name(one) == photo_name(other) != photo_name(stranger)


def test_another_photo_has_another_name(ask: Callable[..., dict[str, Any]]) -> None:
    """Also the same photo of fewer pixels: the server would show the one for the other."""
    names = [ask("key-1"), ask("key-1", seed=2), ask("key-1", max_image_pixels=2_000)]
    assert len({photo_name(call) for call in names}) == 3


def test_other_kinds_are_told_in_their_own_words(ask: Callable[..., dict[str, Any]]) -> None:
    sglang = ask("key-1", kind="sglang")
    assert sglang["cache_salt"] == ask("key-1")["cache_salt"]
    assert "uuid" not in sglang["messages"][-1]["content"][0]
    llama = ask("key-1", kind="llama.cpp")
    assert llama["cache_prompt"] is False, "it cannot keep them apart"
    assert "cache_salt" not in llama
    assert not {"cache_salt", "cache_prompt"} & ask("key-1", kind="openai").keys()


def test_where_there_is_one_tenant_prefixes_may_be_shared(
    ask: Callable[..., dict[str, Any]],
) -> None:
    assert "cache_salt" not in ask("key-1", fields={"cache_salt": None})
    assert "cache_prompt" not in ask("key-1", kind="llama.cpp", fields={"cache_prompt": None})
