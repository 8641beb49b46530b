"""The answer cache of a new revision is filled before it gets everybody, with what several people
ask, and with nothing of those who were erased."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, func, select

from gateway.identity.callers import hash_key
from gateway.log.schema.canary_tables import warmed_answers
from tests.service.canary.conftest import Start
from tests.support.asking import chat, photo, rows, text_of
from tests.support.canaries import canary, weights
from tests.support.servers import Server
from tests.support.stub_replica import StubReplica

SHOP = {"authorization": "Bearer key"}
PHOTOS = 4
QUESTIONS = 3


@pytest.fixture
def shop(start: Start, tmp_path: Path) -> Server:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    return start(DATABASE_URL=url, API_KEYS=f"shop {hash_key('key')}")


def upload(shop: Server, seed: int, **query: str) -> str:
    sent = httpx.post(f"{shop.url}/v1/images", content=photo(seed), headers=SHOP, params=query)
    assert sent.status_code == 201, sent.text
    return str(sent.json()["id"])


def ask(shop: Server, question: str, image: str, user: str, **headers: str) -> httpx.Response:
    content: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": image}},
        {"type": "text", "text": question},
    ]
    body = {"model": "shopsight", "messages": [{"role": "user", "content": content}], "user": user}
    answer = httpx.post(
        f"{shop.url}/v1/chat/completions", json=body, headers={**SHOP, **headers}, timeout=20
    )
    assert answer.status_code == 200, answer.text
    return answer


def share_of_hits(shop: Server, images: list[str]) -> float:
    answers = [
        ask(shop, f"question {n}?", image, "somebody new")
        for image in images
        for n in range(QUESTIONS)
    ]
    assert {answer.headers["x-model-revision"] for answer in answers} == {"new"}
    return sum(answer.headers["x-cache"] == "hit" for answer in answers) / len(answers)


def stored(shop_url: str) -> int:
    engine = create_engine(shop_url)
    with engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(warmed_answers))
    engine.dispose()
    return int(count or 0)


@pytest.mark.parametrize(("how", "hits"), [((), 1.0), (("--cold",), 0.0)], ids=["warm", "cold"])
def test_right_after_a_promotion_what_many_ask_comes_from_the_cache(
    shop: Server, how: tuple[str, ...], hits: float, tmp_path: Path
) -> None:
    images = [upload(shop, seed) for seed in range(PHOTOS)]
    for user in ("li", "wang"):
        for image in images:
            for n in range(QUESTIONS):
                ask(shop, f"question {n}?", image, user)
    rows(f"sqlite:///{tmp_path / 'shop.db'}")  # the log is written
    canary(shop, "start", "new", "--percent", "1")
    told = canary(shop, "promote", *how)
    assert weights(shop) == {"new": 1}
    assert share_of_hits(shop, images) == hits, told


def test_what_one_alone_has_asked_or_nobody_may_keep_is_not_asked_again(
    shop: Server, new: StubReplica, tmp_path: Path
) -> None:
    image, gone = upload(shop, 1), photo(9)
    for user in ("li", "wang"):
        ask(shop, "is it leather?", image, user)
        ask(shop, "does it suit zhang.san@example.com?", image, user)
        ask(shop, "not kept?", image, user, **{"cache-control": "no-store"})
        sent = httpx.post(
            f"{shop.url}/v1/chat/completions",
            json=chat("sent along?", gone, user=user),
            headers=SHOP,
        )
        assert sent.status_code == 200
    for _ in range(3):
        ask(shop, "asked by one?", image, "li")
    rows(f"sqlite:///{tmp_path / 'shop.db'}")
    canary(shop, "start", "new", "--percent", "1")
    told = canary(shop, "warm", "--pairs", "10", "--seconds", "20")
    asked = [call["messages"][-1]["content"][-1]["text"] for call in new.calls]
    assert asked == ["Is it leather?"], told
    assert {headers["x-priority"] for headers in new.headers} == {"batch"}, "behind all shoppers"
    assert "warmed 1 of 3" in told
    assert "photo not kept 1" in told
    assert "no longer cached 1" in told
    assert "there already 1" in canary(shop, "warm"), "the second time there is nothing to do"


def test_warming_is_bounded_in_number_and_in_time(
    shop: Server, new: StubReplica, tmp_path: Path
) -> None:
    images = [upload(shop, seed) for seed in range(PHOTOS)]
    for user in ("li", "wang", "zhang"):
        for image in images:
            ask(shop, "what?", image, user)
    rows(f"sqlite:///{tmp_path / 'shop.db'}")
    canary(shop, "start", "new", "--percent", "1")
    assert "warmed 2 of 2" in canary(shop, "warm", "--pairs", "2")
    new.slow, new.first_delay_s = True, 30
    told = canary(shop, "warm", "--seconds", "1")
    took = re.search(r"warmed 0 of 4 in ([\d.]+) s", told)
    assert took, told
    assert 1 <= float(took[1]) < new.first_delay_s / 2, "it is cut off, not waited for"
    assert "no time for 2" in told


def test_who_is_erased_takes_along_what_was_computed_because_of_him(
    shop: Server, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    image = upload(shop, 1)
    for user in ("li", "wang"):
        old = ask(shop, "is it leather?", image, user)
    rows(url)
    canary(shop, "start", "new", "--percent", "1")
    canary(shop, "warm")
    assert stored(url) == 1
    for user, deleted in (("li", 0), ("wang", 2)):  # until then it is the other's, too
        receipt = httpx.delete(f"{shop.url}/v1/users/{user}/data", headers=SHOP, timeout=30)
        assert receipt.json()["cached_answers"] == deleted, user
    httpx.put(f"{shop.admin}/weights", json={"weights": {"new": 1}})
    again = ask(shop, "is it leather?", upload(shop, 1), "zhang")
    assert again.headers["x-cache"] == "miss"
    assert text_of(again) != text_of(old)
