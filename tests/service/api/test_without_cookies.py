"""Clients that keep no cookies, such as mini-programs, Node and curl: they give back the token that
came with their first answer."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import Engine, select

from gateway.identity.sessions import SESSION_HEADER
from gateway.log.rollups.roll_up import roll_up
from gateway.log.rollups.tables import daily_funnel, daily_questions, daily_reach
from tests.support.asking import chat, photo, post, rows, text_of
from tests.support.servers import gateway_process
from tests.support.stub_replica import StubReplica
from tests.support.voting import thumbs, wait_for_thumbs

Start = Callable[..., str]
OWN_PAGE = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def gateway(database_url: str, start_gateway: Start, stub: StubReplica, tmp_path: Path) -> str:
    return start_gateway(
        replicas=stub.url, database_url=database_url, image_dir=tmp_path / "images"
    )


def uploaded(url: str, **headers: str) -> httpx.Response:
    answer = httpx.post(f"{url}/v1/images", content=photo(), headers=headers)
    assert answer.status_code == 201, answer.text
    return answer


def token_of(answer: httpx.Response) -> dict[str, str]:
    return {SESSION_HEADER: answer.headers[SESSION_HEADER]}


def test_a_photo_is_uploaded_once_and_asked_about_by_its_token(gateway: str) -> None:
    first = uploaded(gateway)
    name, token = first.json()["id"], token_of(first)
    assert first.json()["session"] == token[SESSION_HEADER]
    by_id = {"image_id": name, "prompt": "what?"}
    form = {"image_id": (None, name), "question": (None, "what?")}
    assert text_of(post(gateway, by_id, **token))
    assert text_of(httpx.post(f"{gateway}/v1/ask", files=form, headers=token))
    assert post(gateway, by_id).status_code == 404
    assert post(gateway, by_id, **token_of(post(gateway, chat("hello?")))).status_code == 404


def test_a_token_comes_with_the_first_answer_and_not_again(gateway: str) -> None:
    first = post(gateway, {"image": chat_photo(), "prompt": "what?"})
    assert first.json()["session"] == first.headers[SESSION_HEADER]
    again = post(gateway, {"image": chat_photo(), "prompt": "what?"}, **token_of(first))
    assert SESSION_HEADER not in again.headers
    assert "session" not in again.json()
    renewed = post(gateway, chat("what?"), **{SESSION_HEADER: "of.another-secret"})
    assert renewed.headers[SESSION_HEADER]


def test_our_own_page_gets_no_token(gateway: str) -> None:
    first = uploaded(gateway, **OWN_PAGE)
    assert SESSION_HEADER not in first.headers
    assert "session" not in first.json()
    assert "HttpOnly" in first.headers["set-cookie"]


def test_our_own_page_gets_a_token_where_the_cookie_does_not_come_back(gateway: str) -> None:
    told = {**OWN_PAGE, SESSION_HEADER: "no-cookies"}
    with_cookie = uploaded(gateway, **OWN_PAGE).headers["set-cookie"].partition(";")[0]
    assert SESSION_HEADER not in uploaded(gateway, **told, cookie=with_cookie).headers
    first = uploaded(gateway, **told)
    own = {**OWN_PAGE, **token_of(first)}
    again = uploaded(gateway, **own)
    assert again.json()["id"] == first.json()["id"], "one session, and so one upload"
    assert SESSION_HEADER not in again.headers


def test_whoever_has_the_token_votes_on_the_answer_it_came_with(
    gateway: str, engine: Engine
) -> None:
    asked = post(gateway, chat("what?", photo()))
    vote = {"interaction_id": asked.headers["x-interaction-id"], "vote": "up"}
    assert httpx.post(f"{gateway}/v1/feedback", json=vote).status_code == 202
    by_token = httpx.post(f"{gateway}/v1/feedback", json=vote, headers=token_of(asked))
    assert by_token.status_code == 202
    wait_for_thumbs(engine, asked, "up")
    assert thumbs(engine) == [("up", None)]


def test_whoever_has_the_token_erases_all_that_it_asked(gateway: str, database_url: str) -> None:
    first = uploaded(gateway)
    token = token_of(first)
    post(gateway, {"image_id": first.json()["id"], "prompt": "what?"}, **token)
    assert httpx.delete(f"{gateway}/v1/users/me/data").status_code == 401
    erased = httpx.delete(f"{gateway}/v1/users/me/data", headers=token)
    assert erased.status_code == 200, erased.text
    assert erased.json()["images"] == 1
    assert {row["session_id"] for row in rows(database_url)} == {None}


def test_one_who_never_gives_a_token_back_is_one_session_to_analysts(
    gateway: str, database_url: str, engine: Engine
) -> None:
    for _ in range(24):
        post(gateway, chat("what?", photo()))
    # In the same network with the same program, but these come back.
    for _ in range(2):
        first = uploaded(gateway)
        for _ in range(2):
            post(gateway, chat("what?", photo()), **token_of(first))
    for _ in range(3):  # browsers that nobody comes back with
        post(gateway, chat("what?", photo()), **OWN_PAGE)
    assert len(rows(database_url)) == 24 + 6 + 3
    assert len({row["session_id"] for row in rows(database_url)}) == 24 + 2 + 3
    roll_up(engine, ZoneInfo("UTC"))
    with engine.connect() as connection:
        funnel = [dict(row) for row in connection.execute(select(daily_funnel)).mappings()]
        reach = sum(row.sessions for row in connection.execute(select(daily_reach)))
        questions = sum(row.sessions for row in connection.execute(select(daily_questions)))
    steps = {
        name: sum(day[name] for day in funnel)
        for name in ("sessions", "with_photo", "asked", "asked_again")
    }
    assert steps == {"sessions": 6, "with_photo": 6, "asked": 6, "asked_again": 3}
    assert (reach, questions) == (6, 6)


def test_a_token_is_in_no_file(stub: StubReplica, tmp_path: Path) -> None:
    with gateway_process(tmp_path, REPLICAS=stub.url) as gateway:
        token = token_of(post(gateway.url, chat("what?", photo())))
        post(gateway.url, chat("what?", photo()), **token)
        rows(f"sqlite:///{tmp_path / 'log.db'}")
    session, _, signature = token[SESSION_HEADER].partition(".")
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert [path for path, data in files.items() if session.encode() in data]
    assert not [path for path, data in files.items() if signature.encode() in data]
    with sqlite3.connect(tmp_path / "log.db") as log:
        assert log.execute("SELECT COUNT(DISTINCT session_id) FROM interactions").fetchone() == (1,)


def chat_photo() -> str:
    url: str = chat("", photo())["messages"][0]["content"][0]["image_url"]["url"]
    return url
