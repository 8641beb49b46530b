"""What only vLLM does: the same answers as our replica from the same weights, caches apart by
tenant, an engine that stops behind a good health check; and the shapes that tests elsewhere rely
on."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import SAMPLES
from tests.support.asking import chat, photo, post, text_of
from tests.support.foreign_replica import BAD_SCHEMA, foreign_replica
from tests.support.servers import wait_until
from tests.support.vllm_server import VllmServer
from tests.upstreams.conftest import Engine, StartEngine

QUESTIONS = [
    "这是什么?",
    "是什么颜色的?",
    "这是真皮吗?",
    "What is it made of?",
    "What colour is it?",
]


def test_the_same_weights_give_the_same_answers_as_ours(both: tuple[Engine, Engine]) -> None:
    """Though the checkpoint says otherwise: its generation_config.json there has a penalty, a
    temperature and the like, which nobody asked for."""
    names = sorted(path for path in SAMPLES.glob("*.jpg") if path.stem != "hills")  # no product
    photos = [path.read_bytes() for path in names]
    asked = [chat(question, data, max_tokens=40) for data in photos for question in QUESTIONS]
    with ThreadPoolExecutor(8) as pool:
        theirs, ours = (
            list(pool.map(lambda body, to=engine.gateway: post(to, body), asked)) for engine in both
        )
    different = [
        (text_of(one), text_of(other))
        for one, other in zip(theirs, ours, strict=True)
        if text_of(one) != text_of(other)
    ]
    print(f"{len(asked) - len(different)} of {len(asked)} answers are the same")
    assert different == []
    usages = [[answer.json()["usage"] for answer in answers] for answers in (theirs, ours)]
    assert usages[0] == usages[1], "the same prompts, to the token"
    assert all(usage["prompt_tokens"] > 30 for usage in usages[0])


@pytest.mark.parametrize("data", [None, photo(41)], ids=["text", "photo"])
def test_no_tenant_meets_what_another_has_had_computed(
    start_engine: StartEngine, vllm: VllmServer, data: bytes | None
) -> None:
    gateway = start_engine("vllm").gateway
    earlier = chat(("The bag is brown and has a zip, two pockets and a strap. " * 20)[:1900], data)
    earlier["messages"].append({"role": "assistant", "content": "Yes."})

    def hits(key: str, question: str) -> tuple[float, float]:
        """Tokens and photos that vLLM had already, for this question."""
        names = ("vllm:prefix_cache_hits_total", "vllm:mm_cache_hits_total")
        before = [vllm.metric(name) for name in names]
        messages = [*earlier["messages"], {"role": "user", "content": question}]
        asked = {**earlier, "messages": messages, "max_tokens": 2}
        text_of(post(gateway, asked, authorization=f"Bearer {key}"))
        tokens, photos = (
            vllm.metric(name) - then for name, then in zip(names, before, strict=True)
        )
        return tokens, photos

    assert hits("key-1", "Has it a zip?") == (0, 0)
    tokens, photos = hits("key-1", "Has it a strap?")
    assert tokens >= 128, "its own it does meet: a block of a CPU's cache"
    assert photos == (data is not None)
    assert hits("key-2", "Has it a pocket?") == (0, 0)


def test_its_stopped_engine_reaches_readyz_and_comes_back(
    start_engine: StartEngine, vllm: VllmServer
) -> None:
    engine = start_engine("vllm", replica_silence_s=2.0, deadline_ms=60_000)
    assert engine.ready
    vllm.stop_engine()
    try:
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(post, engine.gateway, chat("meanwhile?", photo(), max_tokens=4))
            wait_until("noticed", lambda: not engine.ready)
            assert httpx.get(f"{vllm.url}/health").status_code == 200, "it says that it is well"
            vllm.go_on()
            wait_until("back", lambda: engine.ready)
            assert text_of(waiting.result())
    finally:
        vllm.go_on()


def shape(value: Any) -> Any:
    """The keys and kinds of a JSON value; None stands for any."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def told(url: str, model: str, **fields: Any) -> list[Any]:
    """The status, and the events or the object, that a server answers a bare question with."""
    messages = [{"role": "user", "content": "这是什么?"}]
    body = {"model": model, "messages": messages, "max_tokens": 40, "temperature": 0, **fields}
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)
    if not answer.headers["content-type"].startswith("text/event-stream"):
        return [answer.status_code, answer.json()]
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "data: [DONE]"
    return [answer.status_code, *(json.loads(line[6:]) for line in lines)]


@pytest.mark.parametrize("logprobs", [{}, {"logprobs": True, "top_logprobs": 1}])
def test_the_stub_speaks_as_it_does(vllm: VllmServer, logprobs: dict[str, Any]) -> None:
    """The head, a piece, the end and the usage of an answer; the list of models; a 404."""
    with foreign_replica("demo") as stub:
        name = httpx.get(f"{vllm.url}/v1/models").json()["data"][0]["id"]
        status, head, *pieces, end, usage = told(vllm.url, name, **logprobs)
        stub_status, stub_head, *stub_pieces, stub_end, stub_usage = told(
            stub.url, "demo", **logprobs
        )
        assert (status, shape(head)) == (stub_status, shape(stub_head))
        assert shape(pieces[0]) == shape(stub_pieces[0])
        assert shape(end) == shape(stub_end)
        if logprobs:  # the last tokens may come together
            listed = [each["choices"][0]["logprobs"]["content"] for each in (end, stub_end)]
            assert [tokens[-1]["token"] for tokens in listed] == 2 * ["<|im_end|>"]
        assert shape(usage) == shape(stub_usage)
        lists = [httpx.get(f"{url}/v1/models").json() for url in (vllm.url, stub.url)]
        assert shape(lists[0]) == shape(lists[1])
        assert shape(told(vllm.url, "another")) == shape(told(stub.url, "another"))


def test_it_refuses_as_the_stub_does(vllm: VllmServer) -> None:
    name = httpx.get(f"{vllm.url}/v1/models").json()["data"][0]["id"]
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=x)y"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    status, error = told(vllm.url, name, response_format=wanted)
    assert status == 200, "in a stream that has begun"
    assert shape(error) == shape({"error": BAD_SCHEMA})
    assert (error["error"]["type"], error["error"]["code"]) == ("BadRequestError", 400)
