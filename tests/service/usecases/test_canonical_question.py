"""Nobody's spelling changes what the next asker is given: the replica is asked the canonical text,
in every form of request, and the log keeps what was typed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from contract.text.canonical import canonical
from tests.support.asking import chat, data_uri, photo, post, rows, text_of
from tests.support.foreign_replica import foreign_replica
from tests.support.stub_replica import StubReplica
from tests.unit.contract.canonical_pairs import APART, POISON

Start = Callable[..., str]


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url)


def asked_of(call: dict[str, Any]) -> str:
    content = call["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def test_no_spelling_changes_what_the_plain_asker_is_given(gateway: str, stub: StubReplica) -> None:
    for number, (spelt, typed) in enumerate(POISON):
        # A photo of its own, so that each is the first to be asked.
        data = photo(number % 7)
        before = len(stub.calls)
        body = chat(spelt, data, max_tokens=number + 1)
        first = post(gateway, body)
        assert asked_of(stub.calls[before]) == canonical(typed)
        second = post(gateway, chat(typed, data, max_tokens=number + 1))
        assert second.headers["x-cache"] == "hit"
        assert text_of(second) == text_of(first) == f"关于「{canonical(typed)}」:好"
    assert len(stub.calls) == len(POISON)


def test_different_questions_never_share_an_answer(gateway: str, stub: StubReplica) -> None:
    for number, pair in enumerate(APART):
        answers = [post(gateway, chat(text, max_tokens=number + 1)) for text in pair]
        assert [answer.headers["x-cache"] for answer in answers] == ["miss", "miss"], pair
    assert len(stub.calls) == 2 * len(APART)


TYPED = " ｉｓ  𝐢𝐭\nred？！"
ASKED = "Is it red?"


def test_every_form_of_a_question_is_asked_as_the_same_text(
    gateway: str, stub: StubReplica
) -> None:
    data = photo()
    forms: list[tuple[str, dict[str, Any]]] = [
        ("/v1/chat/completions", {"json": chat(TYPED, data)}),
        ("/v1/chat/completions", {"json": chat(TYPED, data, stream=True)}),
        ("/v1/chat/completions", {"json": {"image": data_uri(data), "prompt": TYPED}}),
        ("/v1/ask", {"data": {"question": TYPED}, "files": {"photo": data}}),
    ]
    for path, body in forms:
        headers = {"cache-control": "no-store"}
        text_of(httpx.post(gateway + path, headers=headers, timeout=30, **body))
    assert [asked_of(call) for call in stub.calls] == [ASKED] * len(forms)


def test_a_conversation_is_asked_canonically_but_for_the_model_s_own_words(
    gateway: str, stub: StubReplica
) -> None:
    body = chat("ａｎｄ the price。")
    said = "It is  a bag。。"
    body["messages"][:0] = [
        {"role": "user", "content": "what  is it？？"},
        {"role": "assistant", "content": said},
    ]
    post(gateway, body)
    plain = json.loads(json.dumps(body).replace("what  is it\\uff1f\\uff1f", "What is it"))
    assert post(gateway, plain).headers["x-cache"] == "hit"
    (call,) = stub.calls
    texts = [message["content"] for message in call["messages"][1:]]
    assert texts == ["What is it?", said, "And the price?"]


def test_a_foreign_server_is_asked_the_same_text(start_gateway: Start) -> None:
    with foreign_replica("Qwen/Qwen3-VL-8B-Instruct") as vllm:
        gateway = start_gateway(upstreams=json.dumps([{"url": vllm.url, "kind": "vllm"}]))
        post(gateway, chat(TYPED, photo()))
        assert asked_of(vllm.calls[0]) == ASKED


def test_the_log_keeps_what_was_typed_under_the_hash_of_what_was_asked(
    gateway: str, tmp_path: Path
) -> None:
    for text in (TYPED, "is it red", "IS IT RED?"):
        post(gateway, chat(text, photo()))
    found = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert [row["question"] for row in found] == [TYPED, "is it red", "IS IT RED?"]
    assert len({row["question_hash"] for row in found}) == 1
    assert len({row["answer_key"] for row in found}) == 1


def test_moderation_reads_what_was_typed_and_what_is_asked(gateway: str, stub: StubReplica) -> None:
    phrase = "fake passport"
    for text in (phrase, f"is it {phrase.upper()}???", "\u200b".join(phrase)):
        assert post(gateway, chat(text)).json()["error"]["code"] == "content_blocked"
    assert not stub.calls
