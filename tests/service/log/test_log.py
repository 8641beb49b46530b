"""The behaviour log on real databases: one row a request, outages, many that start at once."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import Engine, inspect

from contract.images import EncodedImage, check_image
from gateway.cli.embedded import free_port
from gateway.cli.stats import summary
from gateway.log.outbox.spool_folder import ids_in, spools_in
from gateway.pool.addresses import replica_name
from gateway.prompt import PROMPT_VERSION
from tests.support.asking import chat, events_of, photo, post, rows, text_of
from tests.support.command_line import shopsight
from tests.support.servers import mariadb_server, wait_until
from tests.support.stub_replica import StubReplica, stub_replica

Start = Callable[..., str]


def test_a_question_is_a_row_with_all_that_analysts_need(
    database_url: str, start_gateway: Start, stub: StubReplica, engine: Engine
) -> None:
    gateway = start_gateway(replicas=stub.url, database_url=database_url)
    answer = post(gateway, chat("这是真皮吗?👜", photo()))
    (row,) = rows(database_url, answer.headers["x-interaction-id"])
    assert row["question"] == "这是真皮吗?👜"
    assert row["answer"] == text_of(answer)
    assert (row["kind"], row["tenant"], row["outcome"]) == ("ask", "public", "answered")
    assert row["total_ms"] > row["first_text_ms"] > 0
    assert len(row["image_digest"]) == 64
    assert (row["route"], row["intent"]) == ("/v1/chat/completions", "material")
    assert row["client"] == "python"
    assert row["upstream_ms"] > 0
    assert row["join_ms"] is None
    assert abs(row["arrived_at"] - row["asked_at"]) < timedelta(seconds=30)
    assert "questions 1 · answered 1 · photos 1" in summary(engine, ZoneInfo("Asia/Shanghai"))


def test_a_row_says_how_its_question_came_and_how_long_the_conversation_is(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(replicas=stub.url)
    first, *_ = chat("what?", photo())["messages"]
    later = {"role": "user", "content": "and which colour?"}
    long = {"messages": [first, {"role": "assistant", "content": "A bag."}, later]}
    two = chat("which is redder?", photo(2))
    two["messages"][0]["content"].insert(0, first["content"][0])
    sources = ({"x-question-source": "suggested"}, {"x-question-source": "typed"}, {})
    for body, headers in zip((chat("what?", photo()), long, two), sources, strict=True):
        assert post(gateway, body, **headers).status_code == 200
    odd = {"x-question-source": "'; DROP TABLE"}
    assert post(gateway, chat("what?", photo()), **odd).headers["x-cache"] == "hit"
    found = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert [(row["source"], row["turns"], row["photos"]) for row in found] == [
        ("suggested", 1, 1),
        ("typed", 2, 1),
        ("api", 1, 2),
        ("api", 1, 1),
    ]
    assert {row["prompt_version"] for row in found} == {PROMPT_VERSION}


def test_a_computed_answer_names_its_replica_and_a_cached_one_none(
    start_gateway: Start, tmp_path: Path
) -> None:
    with stub_replica() as one, stub_replica() as other:
        gateway = start_gateway(replicas=f"{one.url},{other.url}")
        for seed in (1, 2, 3, 4, 4):  # photos are shared out
            post(gateway, chat("what?", photo(seed)))
        log = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert [row["replica"] for row in log if row["cache"] == "hit"] == [None]
    named = Counter(row["replica"] for row in log if row["cache"] == "miss")
    assert named == Counter({replica_name(stub.url): len(stub.calls) for stub in (one, other)})
    assert named.total() == 4


def test_a_replica_that_broke_off_is_not_the_one_that_answered(
    start_gateway: Start, tmp_path: Path
) -> None:
    with stub_replica() as good, stub_replica() as bad:
        bad.behaviour = "500"
        gateway = start_gateway(replicas=f"{good.url},{bad.url}", retry_share=1)
        for seed in range(9):
            assert post(gateway, chat("what?", photo(seed))).status_code == 200
        assert bad.calls, "it was asked, too"
        named = {row["replica"] for row in rows(f"sqlite:///{tmp_path / 'log.db'}")}
    assert named == {replica_name(good.url)}


def test_what_names_a_person_is_nowhere_in_the_log(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(replicas=stub.url)
    answer = post(gateway, chat("我的电话13812345678,邮箱a@b.com,真皮吗?", photo()))
    assert "13812345678" in text_of(answer), "the asker sees the answer as it is"
    (row,) = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert row["question"] == "我的电话[phone],邮箱[email],真皮吗?"
    assert "[phone]" in row["answer"]
    assert not [value for value in row.values() if "13812345678" in str(value)]


def test_questions_that_differ_in_form_only_have_one_hash(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(replicas=stub.url)
    for question in ("Is it leather?", " is  it leather", "Is it wool?"):
        post(gateway, chat(question, photo()))
    first, second, other = (
        row["question_hash"] for row in rows(f"sqlite:///{tmp_path / 'log.db'}")
    )
    assert first == second != other


def test_what_was_blocked_says_so(start_gateway: Start, stub: StubReplica, tmp_path: Path) -> None:
    gateway = start_gateway(replicas=stub.url)
    assert post(gateway, chat("裸聊吗", photo())).status_code == 422
    (row,) = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert (row["outcome"], row["moderation"]) == ("refused", "question:sexual")


def test_a_blocked_photo_says_so_asked_about_or_uploaded(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    digest = check_image(EncodedImage(photo())).facts.digest
    gateway = start_gateway(replicas=stub.url, blocked_images=(digest,))
    assert post(gateway, chat("what?", photo())).status_code == 422
    assert httpx.post(f"{gateway}/v1/images", content=photo()).status_code == 422
    found = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert [(row["kind"], row["moderation"]) for row in found] == [
        ("ask", "image:listed"),
        ("upload", "image:listed"),
    ]


def test_under_many_at_once_each_answer_has_exactly_one_row(
    database_url: str, start_gateway: Start, stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url, database_url=database_url)
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(lambda n: post(gateway, chat(f"question {n % 7}", photo())), range(120))
        )
    acknowledged = sorted(answer.headers["x-interaction-id"] for answer in answers)
    assert sorted(str(row["interaction_id"]) for row in rows(database_url)) == acknowledged


def test_a_stream_that_cannot_be_recorded_ends_with_an_error_not_with_done(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(replicas=stub.url)
    (spool,) = spools_in(tmp_path / "spool")
    foreign = sqlite3.connect(spool / "events.db", isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    events = events_of(post(gateway, chat("what?", photo(), stream=True)))
    assert events[-1]["error"]["code"] == "log_unavailable"
    assert not any(c["finish_reason"] for e in events[:-1] for c in e["choices"])
    refused = post(gateway, chat("what?", photo(2)))
    assert refused.json()["error"]["code"] == "log_unavailable"
    assert len(stub.calls) == 1, "once the spool is known to fail, no model is asked"
    foreign.close()
    wait_until("answers again", lambda: post(gateway, chat("now?", photo())).status_code == 200, 5)


def test_a_client_that_leaves_while_its_row_is_committed_has_one_row(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    gateway = start_gateway(replicas=stub.url)
    (spool,) = spools_in(tmp_path / "spool")
    foreign = sqlite3.connect(spool / "events.db", isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    body = chat("what?", photo(), stream=True)
    with httpx.stream("POST", f"{gateway}/v1/chat/completions", json=body) as answer:
        for line in answer.iter_lines():
            if "What?" in line:  # all of the text, and not yet the end
                break
    time.sleep(0.3)
    log = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    log.execute("BEGIN IMMEDIATE")  # nothing is forwarded, for now
    foreign.execute("ROLLBACK")
    wait_until("an event", lambda: len(ids_in(spool)) == 1, 5)
    time.sleep(0.3)
    assert foreign.execute("SELECT COUNT(*) FROM events").fetchone() == (1,)
    log.execute("ROLLBACK")
    (row,) = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert row["answer"] == "关于「What?」:好"


def test_without_its_database_answers_go_on_and_their_rows_arrive_later(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    port = free_port()
    with mariadb_server(tmp_path, port) as server:
        gateway = start_gateway(replicas=stub.url, database_url=server.url)
        answers = [post(gateway, chat("before", photo()))]
    answers += [post(gateway, chat(f"down {n}", photo())) for n in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert httpx.get(f"{gateway}/readyz").status_code == 200
    with mariadb_server(tmp_path, port) as server:
        found = [str(row["interaction_id"]) for row in rows(server.url)]
    assert sorted(found) == sorted(answer.headers["x-interaction-id"] for answer in answers)


def test_a_full_spool_refuses_before_any_model_is_asked_and_takes_up_again(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    port = free_port()
    with mariadb_server(tmp_path, port) as server:
        gateway = start_gateway(replicas=stub.url, database_url=server.url, spool_max_bytes=3_000)
    acknowledged = []
    while (answer := post(gateway, chat(f"{len(acknowledged)}", photo()))).status_code == 200:
        acknowledged.append(answer.headers["x-interaction-id"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert httpx.get(f"{gateway}/readyz").json() == {"ready": False, "pool": True, "log": False}
    assert 2 <= len(acknowledged) == len(stub.calls)
    with mariadb_server(tmp_path, port) as server:
        wait_until("room", lambda: httpx.get(f"{gateway}/readyz").status_code == 200)
        acknowledged.append(post(gateway, chat("after", photo())).headers["x-interaction-id"])
        found = [str(row["interaction_id"]) for row in rows(server.url)]
    assert found == acknowledged, "refused requests leave no row: there is no room for one"


def test_without_free_space_on_the_spools_disk_questions_are_refused(
    start_gateway: Start, stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url, spool_reserve_bytes=2**60)
    answer = post(gateway, chat("what?", photo()))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "log_unavailable")


def test_gateways_that_start_at_once_migrate_once(database_url: str, engine: Engine) -> None:
    with ThreadPoolExecutor(4) as threads:
        starting = [
            threads.submit(shopsight, "migrate", DATABASE_URL=database_url) for _ in range(4)
        ]
    ended = [future.result() for future in starting]
    assert [process.returncode for process in ended] == [0] * 4, ended
    assert "interactions" in inspect(engine).get_table_names()
