"""Cards and match scores through a gateway: cached, screened, logged, refused as questions are."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, func, select

from contract.errors import ReplicaFailed
from gateway.access.key_table import create_key
from gateway.identity.keys import hash_key
from gateway.log.schema.tables import feedback
from tests.support.asking import chat, data_uri, events_of, photo, post, rows
from tests.support.cards import CARD, card_tokens
from tests.support.foreign_replica import ForeignReplica, foreign_replica
from tests.support.migrating import migrate
from tests.support.servers import forwarded, wait_until
from tests.support.stub_replica import StubReplica

CARD_PATH, MATCH_PATH = "/v1/products/card", "/v1/match"
YES = {"是": 0.6, "不": 0.2, "这": 0.2}
Start = Callable[..., str]


@pytest.fixture
def gateway(start_gateway: Start, stub: StubReplica) -> str:
    stub.tokens = card_tokens(materials=0.5)
    return start_gateway(replicas=stub.url, deadline_ms=5000)


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'log.db'}"


def ask_card(url: str, *, seed: int = 1, headers: Any = None, **fields: Any) -> httpx.Response:
    body = {"image": data_uri(photo(seed)), "language": "zh", **fields}
    return httpx.post(url + CARD_PATH, json=body, headers=headers, timeout=20)


def ask_match(
    url: str, text: str = "红色手提包", headers: Any = None, **fields: Any
) -> httpx.Response:
    body = {"image": data_uri(photo()), "text": text, **fields}
    return httpx.post(url + MATCH_PATH, json=body, headers=headers, timeout=20)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_card_is_computed_once_and_then_cached(
    gateway: str, stub: StubReplica, log_url: str
) -> None:
    first, second = ask_card(gateway), ask_card(gateway)
    assert [first.headers["x-cache"], second.headers["x-cache"]] == ["miss", "hit"]
    assert len(stub.calls) == 1
    card = first.json()["card"]
    assert card == second.json()["card"]
    assert card["category"] == "手提包"
    assert card["confidence"] == {name: 0.5 if name == "materials" else 1.0 for name in CARD}
    assert card["not_visible"] == ["price", "size", "stock", "authenticity", "fibre"]
    assert first.json()["id"] == "card-" + first.headers["x-interaction-id"].replace("-", "")
    one, other = rows(log_url)
    assert (one["kind"], one["route"], one["outcome"]) == ("card", CARD_PATH, "answered")
    assert [row["product_kind"] for row in (one, other)] == ["手提包", "手提包"]
    assert [row["cache"] for row in (one, other)] == ["miss", "hit"]
    assert one["answer_key"] == other["answer_key"]
    assert (one["question"], one["question_hash"], one["intent"]) == (None, None, None)
    assert one["language"] == "zh"
    assert one["match_score"] is None


def test_the_model_is_asked_for_a_card_under_its_schema(gateway: str, stub: StubReplica) -> None:
    ask_card(gateway)
    (call,) = stub.calls
    system, asked = call["messages"]
    assert "product card" in system["content"]
    assert asked["content"][-1]["text"].startswith("请填写照片里商品的卡片")
    assert "category" in call["response_format"]["json_schema"]["schema"]["properties"]
    assert call["logprobs"] is True


def test_every_way_of_sending_the_photo_is_the_same_card(gateway: str, stub: StubReplica) -> None:
    with httpx.Client(base_url=gateway, headers={"accept-language": "zh-CN"}) as client:
        uploaded = client.post("/v1/images", content=photo()).json()["id"]
        ways: list[dict[str, Any]] = [
            {"json": {"image": data_uri(photo())}},
            {"json": {"image_id": uploaded, "user": "u-1"}},
            {"files": {"photo": photo()}},
            {"files": {"image_id": (None, uploaded), "language": (None, "zh")}},
        ]
        answers = [client.post(CARD_PATH, **way) for way in ways]
    assert [answer.status_code for answer in answers] == [200] * 4, answers[-1].text
    assert len({json.dumps(answer.json()["card"]) for answer in answers}) == 1
    assert len(stub.calls) == 1


def test_another_language_is_another_card(gateway: str, stub: StubReplica) -> None:
    body = {"image": data_uri(photo())}
    for language in ("zh-CN,zh;q=0.9", "en-GB", "zh-CN,zh;q=0.9"):
        answer = httpx.post(gateway + CARD_PATH, json=body, headers={"accept-language": language})
        assert answer.json()["language"] == language[:2]
    assert [call["messages"][1]["content"][-1]["text"][:4] for call in stub.calls] == [
        "请填写照",
        "Fill",
    ]


def test_a_card_and_a_question_in_its_words_do_not_share_an_answer(
    gateway: str, stub: StubReplica
) -> None:
    ask_card(gateway)
    schema = stub.calls[0]["response_format"]
    asked = chat("请填写照片里商品的卡片，用JSON格式", photo(), response_format=schema)
    answer = post(gateway, {**asked, "max_tokens": 720, "logprobs": True})
    assert answer.headers["x-cache"] == "miss"


def test_a_card_streams_as_it_is_written(gateway: str) -> None:
    events = events_of(ask_card(gateway, stream=True))
    assert [event.get("field") for event in events] == [*CARD, None]
    sure = {event["field"]: event["confidence"] for event in events[:-1]}
    assert sure == events[-1]["card"]["confidence"]
    assert events[-1]["object"] == "product.card"
    again = ask_card(gateway, stream=True)
    assert again.headers["x-cache"] == "hit"
    replayed = events_of(again)
    assert replayed[:-1] == events[:-1]
    assert replayed[-1]["card"] == events[-1]["card"]


def test_equal_cards_at_once_are_one_call_at_whichever_gateway(
    start_gateway: Start, stub: StubReplica, redis_url: str
) -> None:
    stub.tokens, stub.delay_s = card_tokens(materials=0.5), 0.03
    shared = {"replicas": stub.url, "redis_url": redis_url}
    urls = [start_gateway(**shared) for _ in range(2)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask_card, urls * 4))
    assert len(stub.calls) == 1
    assert {answer.status_code for answer in answers} == {200}
    assert len({json.dumps(answer.json()["card"]) for answer in answers}) == 1
    assert answers[0].json()["card"]["confidence"]["materials"] == 0.5
    assert {answer.headers["x-cache"] for answer in answers} <= {"miss", "joined", "hit"}


def test_every_database_keeps_what_a_card_was_about(
    start_gateway: Start, stub: StubReplica, database_url: str
) -> None:
    stub.tokens = card_tokens({**CARD, "category": "𠮷野家 Tasche 👜"})
    url = start_gateway(replicas=stub.url, database_url=database_url)
    card = ask_card(url)
    stub.tokens = [("是", YES)]
    match = ask_match(url)
    (row,) = rows(database_url, card.headers["x-interaction-id"])
    assert row["product_kind"] == "𠮷野家 tasche 👜"
    (row,) = rows(database_url, match.headers["x-interaction-id"])
    assert row["match_score"] == 0.75


def test_a_cut_card_is_an_error_of_ours_and_not_kept(
    gateway: str, stub: StubReplica, log_url: str
) -> None:
    whole, stub.tokens, stub.reason = stub.tokens, stub.tokens[:9], "length"
    cut = ask_card(gateway)
    assert code_of(cut) == (502, "replica_failed")
    assert cut.json()["error"]["message"] == ReplicaFailed().message("zh")
    streamed = events_of(ask_card(gateway, stream=True))
    assert streamed[-1]["error"]["code"] == "replica_failed"
    stub.tokens, stub.reason = whole, "stop"
    assert ask_card(gateway).headers["x-cache"] == "miss"
    failed, in_stream, answered = rows(log_url)
    for row in (failed, in_stream):
        assert (row["outcome"], row["finish_reason"]) == ("failed", "length")
        assert (row["error_code"], row["product_kind"]) == ("replica_failed", None)
    assert answered["outcome"] == "answered"


def test_a_score_is_the_share_of_yes(gateway: str, stub: StubReplica, log_url: str) -> None:
    stub.tokens, stub.reason = [("是", YES)], "length"
    first, second = ask_match(gateway), ask_match(gateway, "红色手提包。")
    assert first.json()["score"] == second.json()["score"] == 0.75
    assert (first.json()["object"], first.json()["finish_reason"]) == ("product.match", "stop")
    assert second.headers["x-cache"] == "hit"
    (call,) = stub.calls
    assert (
        call["messages"][1]["content"][-1]["text"] == '照片与"红色手提包"相符吗？只回答是或不是？'
    )
    assert (call["max_tokens"], call["top_logprobs"]) == (1, 20)
    one, other = rows(log_url)
    assert (one["kind"], one["question"], one["question_hash"]) == ("match", "红色手提包", None)
    assert [one["match_score"], other["match_score"]] == [0.75, 0.75]
    assert one["product_kind"] is None


def test_a_replica_tells_what_its_probabilities_are_worth(
    start_gateway: Start, stub: StubReplica, log_url: str
) -> None:
    line = {"slope": 2, "intercept": -1}
    stub.calibration = {"card": {"materials": line}, "match": line, "fitted_on": "8 pictures"}
    stub.tokens = card_tokens(materials=0.5, style=0.5)
    url = start_gateway(replicas=stub.url)
    for _ in ("computed", "cached"):
        told = ask_card(url).json()
        assert told["calibrated"] is True
        assert told["card"]["confidence"]["materials"] == pytest.approx(0.2689, abs=1e-4)
        assert told["card"]["confidence"]["style"] == 0.5, "has no line"
    stub.tokens = [("是", YES)]
    score = ask_match(url).json()["score"]
    assert score == pytest.approx(0.7680, abs=1e-4)  # odds of 3: 9 / e
    assert rows(log_url)[-1]["match_score"] == score
    (model,) = httpx.get(f"{url}/v1/models").json()["data"]
    assert model["calibration"]["fitted_on"] == "8 pictures"


def test_a_replica_whose_calibration_is_none_is_not_ready(
    start_gateway: Start, stub: StubReplica
) -> None:
    stub.calibration = {"match": {"slope": "steep"}}
    url = start_gateway(replicas=stub.url)
    assert code_of(ask_match(url)) == (503, "no_replica")


def test_without_yes_or_no_the_score_is_null(gateway: str, stub: StubReplica) -> None:
    stub.tokens = [("这", {"这": 1.0})]
    assert ask_match(gateway).json()["score"] is None


def test_blocked_words_are_refused_in_the_asker_s_language(
    gateway: str, stub: StubReplica, log_url: str
) -> None:
    assert code_of(ask_match(gateway, "buy cocaine")) == (422, "content_blocked")
    blocked = ask_match(gateway, "buy cocaine", language="zh").json()["error"]["message"]
    assert any("\u4e00" <= char <= "\u9fff" for char in blocked)
    assert stub.calls == []
    assert {row["moderation"] for row in rows(log_url)} == {"question:illegal"}


def test_what_a_photo_makes_the_model_write_is_screened(
    gateway: str, stub: StubReplica, log_url: str
) -> None:
    stub.tokens = card_tokens({**CARD, "visible_text": ["you fucking idiot", "buy cocaine"]})
    answer = ask_card(gateway)
    assert answer.status_code == 200
    assert (answer.json()["card"], answer.json()["finish_reason"]) == (None, "content_filter")
    assert ask_card(gateway).headers["x-cache"] == "miss", "and is not kept"
    assert {row["product_kind"] for row in rows(log_url)} == {None}


def test_who_is_named_in_a_photo_is_not_named_in_the_log(
    gateway: str, stub: StubReplica, log_url: str
) -> None:
    stub.tokens = card_tokens({**CARD, "category": "名片 13812345678"})
    assert ask_card(gateway).json()["card"]["category"] == "名片 13812345678"
    (row,) = rows(log_url)
    assert row["product_kind"] == "名片 [phone]"
    assert ask_card(gateway).headers["x-cache"] == "miss", "its answer is its asker's alone"


def test_each_has_a_scope_of_its_own(start_gateway: Start, stub: StubReplica, log_url: str) -> None:
    stub.tokens = card_tokens()
    migrate(log_url)
    engine = create_engine(log_url)
    made = [create_key(engine, "shop", frozenset({scope}), None).key for scope in ("card", "match")]
    engine.dispose()
    url = start_gateway(replicas=stub.url, anonymous="deny")
    one, two = ({"authorization": f"Bearer {key}"} for key in made)
    assert ask_card(url, headers=one).status_code == 200
    assert code_of(ask_card(url, headers=two)) == (403, "missing_scope")
    assert code_of(ask_match(url, headers=one)) == (403, "missing_scope")
    stub.tokens = [("是", YES)]
    assert ask_match(url, headers=two).status_code == 200
    assert code_of(ask_card(url)) == (401, "invalid_api_key")


def test_limits_hold_for_cards_too(start_gateway: Start, stub: StubReplica) -> None:
    stub.tokens = card_tokens()
    keys = f"shop {hash_key('one')}"
    limits = "questions_per_s=0.01,burst=2"
    url = start_gateway(replicas=stub.url, api_keys=keys, tenant_limits=limits)
    key = {"authorization": "Bearer one"}
    answers = [ask_card(url, headers=key, seed=1) for _ in range(4)]
    assert answers[0].status_code == 200
    assert code_of(answers[-1]) == (429, "rate_limited")
    assert "retry-after" in answers[-1].headers


def test_an_erased_person_leaves_no_kind_and_no_score(
    start_gateway: Start, stub: StubReplica, log_url: str
) -> None:
    stub.tokens = card_tokens()
    keys = f"shop {hash_key('one')}"
    url = start_gateway(replicas=stub.url, api_keys=keys)
    key = {"authorization": "Bearer one"}
    assert ask_card(url, headers=key, user="u-17").status_code == 200
    stub.tokens = [("是", YES)]
    assert ask_match(url, headers=key, user="u-17").status_code == 200
    wait_until("forwarded", lambda: forwarded(log_url))
    receipt = httpx.delete(f"{url}/v1/users/u-17/data", headers=key, timeout=30)
    assert receipt.status_code == 200, receipt.text
    card, match, _ = rows(log_url)
    for row in (card, match):
        assert row["outcome"] == "answered"
        gone = ("product_kind", "match_score", "question", "answer", "answer_key")
        assert [row[name] for name in gone] == [None] * 5
    stub.tokens = card_tokens()
    assert ask_card(url, headers=key).headers["x-cache"] == "miss", "the cached card is gone, too"


def test_a_vote_on_a_card_counts(gateway: str, log_url: str) -> None:
    with httpx.Client(base_url=gateway) as client:
        body = {"image": data_uri(photo()), "language": "zh"}
        answer = client.post(CARD_PATH, json=body)
        thumb = {"interaction_id": answer.json()["id"], "vote": "down"}
        assert client.post("/v1/feedback", json=thumb).status_code == 202
    wait_until("counted", lambda: votes_in(log_url) == 1)


def votes_in(database_url: str) -> int:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        found = connection.scalar(select(func.count()).select_from(feedback))
    engine.dispose()
    return int(found or 0)


@pytest.fixture
def vllm() -> Any:
    with foreign_replica("Qwen/Qwen3-VL-8B-Instruct") as replica:
        yield replica


def test_vllm_makes_cards_and_scores_with_a_calibration_that_is_set_for_it(
    start_gateway: Start, vllm: ForeignReplica
) -> None:
    line = {"slope": 1, "intercept": 2}
    set_for_it = {"card": {"category": line}, "match": line}
    upstream = {"url": vllm.url, "kind": "vllm", "calibration": set_for_it}
    url = start_gateway(replicas="", upstreams=json.dumps([upstream]))
    vllm.words = tuple(token for token, _ in card_tokens())
    answer = ask_card(url).json()
    assert (answer["card"]["category"], answer["calibrated"]) == ("手提包", True)
    # Each token of the stand-in has exp(-0.25) = 0.78.
    assert answer["card"]["confidence"]["style"] == pytest.approx(0.7788, abs=1e-4)
    assert answer["card"]["confidence"]["category"] == pytest.approx(0.9630, abs=1e-3)
    (call,) = vllm.calls
    assert call["response_format"]["type"] == "json_schema"
    vllm.words = ("Yes",)
    assert ask_match(url, "red bag").json()["score"] == pytest.approx(1, abs=1e-3)
    vllm.words = ("No",)
    assert ask_match(url, "blue bag").json()["score"] == pytest.approx(0, abs=1e-3)
