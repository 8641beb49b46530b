"""The official client at the batch lane: files, batches, what comes of their lines. On SQLite the
gateway works on them by itself, on a server a worker does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from contract.text.canonical import canonical
from tests.support.asking import data_uri, photo, rows
from tests.support.batches import (
    CHAT,
    ended,
    jsonl,
    line_to,
    new_key,
    question,
    results,
    send,
    settings_of,
    shop,
    worker,
)
from tests.support.cards import card_tokens
from tests.support.stub_replica import StubReplica

CARD_PATH, MATCH_PATH = "/v1/products/card", "/v1/match"
Start = Callable[..., str]


@pytest.fixture
def keys(database_url: str) -> dict[str, str]:
    """Of two shops, and of the first two that lack a scope. Made before the gateway starts, which
    would take a second to read them."""
    return {
        "acme": new_key(database_url, "acme"),
        "rival": new_key(database_url, "rival"),
        "asks": new_key(database_url, "acme", "ask"),
        "cannot ask": new_key(database_url, "acme", "batch"),
    }


@pytest.fixture
def running(
    start_gateway: Start,
    stub: StubReplica,
    database_url: str,
    tmp_path: Path,
    keys: dict[str, str],
) -> Iterator[str]:
    settings = settings_of(tmp_path, database_url, stub.url)
    with ExitStack() as stack:
        url = start_gateway(**settings)
        if not database_url.startswith("sqlite"):
            stack.enter_context(worker(tmp_path, **settings))
        yield url


@pytest.fixture
def client(running: str, keys: dict[str, str]) -> OpenAI:
    return shop(running, keys["acme"])


def refusal(call: Callable[[], Any]) -> tuple[int, str | None, str | None]:
    with pytest.raises(openai.APIStatusError) as caught:
        call()
    return caught.value.status_code, caught.value.code, caught.value.param


def test_lines_are_answered_as_live_questions_are(
    client: OpenAI, stub: StubReplica, database_url: str
) -> None:
    part = {"type": "image_url", "image_url": {"url": data_uri(photo())}}
    shown = question(3, "what?")
    shown["body"]["messages"][0]["content"].insert(0, part)
    lines = [question(1, "one"), question(2, "two", max_tokens=9), shown]
    made = send(client, lines, metadata={"shop": "north"})
    assert (made.status, made.endpoint, made.metadata) == ("validating", CHAT, {"shop": "north"})
    batch = ended(client, made)
    assert batch.status == "completed"
    assert batch.request_counts is not None
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 3, 0)
    assert batch.error_file_id is None
    found = results(client, batch.output_file_id)
    assert [each["custom_id"] for each in found] == ["q1", "q2", "q3"]
    assert all(each["error"] is None for each in found)
    answers = [each["response"]["body"]["choices"][0]["message"]["content"] for each in found]
    assert answers == [f"关于「{canonical(text)}」:好" for text in ("one", "two", "what?")]
    assert {each["response"]["status_code"] for each in found} == {200}
    assert {head["x-priority"] for head in stub.headers} == {"batch"}
    asked = [row for row in rows(database_url) if row["kind"] == "batch line"]
    assert {row["parent_interaction_id"].hex for row in asked} == {batch.id.removeprefix("batch_")}
    assert {row["outcome"] for row in asked} == {"answered"}
    assert {row["tenant"] for row in asked} == {"acme"}
    ids = {f"batch_req_{row['interaction_id'].hex}" for row in asked}
    assert {each["id"] for each in found} == ids
    moments = [batch.created_at, batch.in_progress_at, batch.finalizing_at, batch.completed_at]
    assert moments == sorted(moments)  # type: ignore[type-var]
    assert batch.expires_at == batch.created_at + 86_400


def test_lines_ask_for_cards_and_match_scores_too(
    client: OpenAI, stub: StubReplica, database_url: str
) -> None:
    stub.tokens = card_tokens()
    seen = data_uri(photo())
    lines = [line_to(CARD_PATH, 1, image=seen, language="zh"), line_to(CARD_PATH, 2)]
    batch = ended(client, send(client, lines, CARD_PATH))
    (found,) = results(client, batch.output_file_id)
    answer = found["response"]["body"]
    assert (answer["object"], answer["card"]["category"]) == ("product.card", "手提包")
    (failed,) = results(client, batch.error_file_id)
    assert failed["response"]["body"]["error"]["param"] == "image"
    stub.tokens = [("是", {"是": 0.6, "不": 0.4})]
    matching = send(client, [line_to(MATCH_PATH, 3, image=seen, text="手提包")], MATCH_PATH)
    (scored,) = results(client, ended(client, matching).output_file_id)
    assert scored["response"]["body"]["score"] == pytest.approx(0.6)
    told = {
        (row["route"], row["question"], row["product_kind"], row["match_score"])
        for row in rows(database_url)
        if row["kind"] == "batch line" and row["outcome"] == "answered"
    }
    card, match = f"batch {CARD_PATH}", f"batch {MATCH_PATH}"
    assert told == {(card, None, "手提包", None), (match, "手提包", None, 0.6)}


def test_what_fails_is_in_a_file_of_its_own(client: OpenAI) -> None:
    lines = [
        question(1, "one"),
        question(2, "two", tools=[{"type": "function"}]),
        question(3, "how to buy cocaine"),
        question(4, "four", stream=True),
        question(5, "five", model="another"),
    ]
    batch = ended(client, send(client, lines))
    assert batch.status == "completed"
    assert batch.request_counts is not None
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (5, 1, 4)
    failed = results(client, batch.error_file_id)
    told = {
        each["custom_id"]: (
            each["response"]["status_code"],
            each["response"]["body"]["error"]["code"],
        )
        for each in failed
    }
    assert told == {
        "q2": (400, "invalid_field"),
        "q3": (422, "content_blocked"),
        "q4": (400, "invalid_field"),
        "q5": (404, "model_not_found"),
    }
    assert [each["custom_id"] for each in results(client, batch.output_file_id)] == ["q1"]


def test_what_is_wrong_with_a_line_in_chinese_is_told_in_chinese(client: OpenAI) -> None:
    lines = [
        question(1, "这是什么?", tools=[{}]),
        question(2, "这是什么?", stream=True),
        question(3, "这是什么?", model="another"),
        question(4, "what is it?", tools=[{}]),
    ]
    batch = ended(client, send(client, lines))
    told = {
        each["custom_id"]: each["response"]["body"]["error"]["message"].isascii()
        for each in results(client, batch.error_file_id)
    }
    assert told == {"q1": False, "q2": False, "q3": False, "q4": True}


def test_a_file_that_cannot_be_used_is_told_line_by_line(client: OpenAI) -> None:
    good = question(1, "one")
    lines = [
        good,
        b"{oops\n",
        b"\n",
        {**good, "custom_id": "q1"},
        {**good, "custom_id": "a", "method": "GET"},
        {**good, "custom_id": "b", "url": "/v1/embeddings"},
        {**good, "custom_id": ""},
        {**good, "custom_id": "c", "body": "text"},
        b"[1]\n",
    ]
    batch = ended(client, send(client, lines))
    assert batch.status == "failed"
    assert batch.errors is not None
    assert [(error.line, error.code, error.param) for error in batch.errors.data or []] == [
        (2, "invalid_json_line", None),
        (4, "duplicate_custom_id", "custom_id"),
        (5, "invalid_method", "method"),
        (6, "mismatched_url", "url"),
        (7, "invalid_custom_id", "custom_id"),
        (8, "invalid_body", "body"),
        (9, "invalid_json_line", None),
    ]
    assert all(error.message for error in batch.errors.data or [])
    assert batch.output_file_id is None
    empty = ended(client, send(client, [b"\n\n"]))
    assert empty.errors is not None
    assert [error.code for error in empty.errors.data or []] == ["empty_file"]


def test_files_are_kept_listed_read_and_deleted(client: OpenAI) -> None:
    data = jsonl([question(1, "one")])
    first, second, third = (
        client.files.create(file=(f"{n}.jsonl", data), purpose="batch") for n in range(3)
    )
    assert (first.object, first.bytes, first.filename, first.purpose) == (
        *("file", len(data), "0.jsonl", "batch"),
    )
    assert first.expires_at == first.created_at + 30 * 86_400
    assert client.files.retrieve(first.id).id == first.id
    assert client.files.content(first.id).read() == data
    newest = client.files.list(limit=2)
    assert [file.id for file in newest.data] == [third.id, second.id]
    assert newest.has_more
    assert [file.id for file in client.files.list(limit=2)] == [third.id, second.id, first.id]
    assert next(iter(client.files.list(order="asc", purpose="batch"))).id == first.id
    assert list(client.files.list(purpose="batch_output")) == []
    assert client.files.delete(first.id).deleted
    assert refusal(lambda: client.files.retrieve(first.id)) == (404, "file_not_found", "file_id")
    assert refusal(lambda: client.files.content(first.id))[0] == 404
    soon = client.files.create(
        file=data, purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert soon.expires_at == soon.created_at + 3600


def test_what_a_file_or_a_batch_may_not_be_is_refused_by_name(client: OpenAI) -> None:
    data = jsonl([question(1, "one")])
    assert refusal(lambda: client.files.create(file=data, purpose="fine-tune")) == (
        *(400, "invalid_field", "purpose"),
    )
    short: Any = {"anchor": "created_at", "seconds": 60}
    assert refusal(
        lambda: client.files.create(file=data, purpose="batch", expires_after=short)
    ) == (400, "invalid_field", "expires_after")
    file = client.files.create(file=data, purpose="batch")

    def create(**changes: Any) -> tuple[int, str | None, str | None]:
        known: dict[str, Any] = {
            "input_file_id": file.id,
            "endpoint": CHAT,
            "completion_window": "24h",
        }
        return refusal(lambda: client.batches.create(**{**known, **changes}))

    assert create(endpoint="/v1/embeddings") == (400, "invalid_field", "endpoint")
    assert create(completion_window="1h") == (400, "invalid_field", "completion_window")
    assert create(input_file_id="file-" + "0" * 32) == (404, "file_not_found", "input_file_id")
    assert create(input_file_id="nonsense") == (404, "file_not_found", "input_file_id")
    many = {str(n): "x" for n in range(17)}
    assert create(metadata=many) == (400, "invalid_field", "metadata")
    assert create(metadata={"shop": "x" * 70_000}) == (413, "payload_too_large", None)
    assert refusal(lambda: client.batches.retrieve("batch_" + "0" * 32)) == (
        *(404, "batch_not_found", "batch_id"),
    )
    batch = ended(client, send(client, [question(1, "one")]))
    assert refusal(lambda: client.batches.cancel(batch.id)) == (409, "batch_ended", "batch_id")
    output = batch.output_file_id
    assert output is not None
    assert create(input_file_id=output) == (400, "invalid_field", "input_file_id")


def test_another_shop_s_files_and_batches_are_not_there(
    client: OpenAI, running: str, keys: dict[str, str]
) -> None:
    batch = ended(client, send(client, [question(1, "one")]))
    other = shop(running, keys["rival"])
    assert list(other.files.list()) == []
    assert list(other.batches.list()) == []
    for call in (
        lambda: other.files.retrieve(batch.input_file_id),
        lambda: other.files.content(batch.output_file_id or ""),
        lambda: other.files.delete(batch.input_file_id),
        lambda: other.batches.retrieve(batch.id),
        lambda: other.batches.cancel(batch.id),
    ):
        assert refusal(call)[0] == 404
    assert [each.id for each in client.batches.list()] == [batch.id]


def test_a_key_without_the_scope_is_told_so(running: str, keys: dict[str, str]) -> None:
    asker = shop(running, keys["asks"])
    data = jsonl([question(1, "one")])
    assert refusal(lambda: asker.files.create(file=data, purpose="batch"))[:2] == (
        *(403, "missing_scope"),
    )
    assert refusal(lambda: asker.files.list())[:2] == (403, "missing_scope")
    assert refusal(lambda: asker.batches.list())[:2] == (403, "missing_scope")
    only_batch = shop(running, keys["cannot ask"])
    assert refusal(lambda: send(only_batch, [question(1, "one")]))[:2] == (403, "missing_scope")


def test_pages_of_batches_follow_one_another(client: OpenAI) -> None:
    made = [send(client, [question(1, "one")]).id for _ in range(3)]
    page = client.batches.list(limit=2)
    assert [batch.id for batch in page.data] == made[:0:-1]
    assert page.has_more
    assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]
