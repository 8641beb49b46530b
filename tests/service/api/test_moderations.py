"""`POST /v1/moderations` in OpenAI's form."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from contract.images import EncodedImage, check_image
from gateway.identity.callers import hash_key
from tests.service.usecases.test_answer import Start
from tests.support.asking import data_uri, photo, rows
from tests.support.stub_replica import StubReplica

DAMAGED = base64.b64encode(photo()[:200]).decode()


@pytest.fixture
def client(start_gateway: Start, stub: StubReplica) -> OpenAI:
    digest = check_image(EncodedImage(photo())).facts.digest
    keys = f"shop {hash_key('one')}"
    url = start_gateway(replicas=stub.url, blocked_images=digest, api_keys=keys)
    return OpenAI(base_url=f"{url}/v1", api_key="one", max_retries=0)


def image(data: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def test_each_text_of_a_list_has_a_result(client: OpenAI, tmp_path: Path) -> None:
    answer = client.moderations.create(input=["这是真皮吗?", "裸*聊加我", "you fucking idiot"])
    assert answer.id.startswith("modr-")
    assert [result.flagged for result in answer.results] == [False, True, True]
    clean, sexual, abuse = answer.results
    assert not any(dict(clean.categories).values())
    assert sexual.categories.sexual
    assert sexual.category_scores.sexual > 0.7
    assert abuse.categories.harassment
    assert sexual.category_applied_input_types.sexual == ["text"]
    assert sexual.category_applied_input_types.violence == []
    (row,) = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert (row["kind"], row["outcome"]) == ("moderation", "answered")
    assert row["moderation"] in ("input:sexual,input:abuse", "input:advert,input:abuse")


def test_a_photo_and_its_text_are_one_input(client: OpenAI) -> None:
    parts = [
        {"type": "text", "text": "is it red?"},
        {"type": "image_url", "image_url": {"url": data_uri(photo())}},
    ]
    (result,) = client.moderations.create(input=parts).results  # type: ignore[arg-type]
    assert (result.flagged, result.categories.illicit) == (True, True)
    assert result.category_applied_input_types.illicit == ["text", "image"]


TEXT = {"type": "text", "text": "x"}


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        *(("", "input"), (3, "input"), ({}, "input"), ([], "input"), (["x"] * 33, "input")),
        *(([TEXT] * 33, "input"), ([1, 2], "input.0"), (["x", 1], "input.1"), ([[]], "input.0")),
        *((["x", TEXT], "input.1"), ([TEXT, "x"], "input.1"), ([{"type": "x"}], "input.0.type")),
        ([{"type": "image_url", "image_url": {"url": 1}}], "input.0.image_url.url"),
    ],
)
def test_what_is_no_input_is_refused_by_its_place(
    client: OpenAI, wrong: object, place: str
) -> None:
    with pytest.raises(Exception, match="400") as error:
        client.moderations.create(input=wrong)  # type: ignore[arg-type]
    assert error.value.param == place  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"input": "这是真皮吗?", "colour": 1}, 400),
        ({"input": ["这是真皮吗?", ""]}, 400),
        ({"input": [{"type": "text", "text": "真皮?"}, {"type": "video"}]}, 400),
        ({"input": [{"type": "text", "text": "真皮?"}, image("aGk=")]}, 415),
        ({"input": [{"type": "text", "text": "真皮?"}, image(DAMAGED)]}, 422),
    ],
)
def test_who_sends_chinese_is_told_in_chinese(
    client: OpenAI, wrong: dict[str, Any], status: int
) -> None:
    headers = {"authorization": "Bearer one"}
    answer = httpx.post(f"{client.base_url}moderations", json=wrong, headers=headers)
    assert answer.status_code == status
    assert not answer.json()["error"]["message"].isascii()


def test_without_a_key_nobody_learns_which_disguise_passes(client: OpenAI) -> None:
    answer = httpx.post(f"{client.base_url}moderations", json={"input": "is it red?"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "missing_scope")
