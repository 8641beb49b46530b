"""Cards and match scores of the demo checkpoint, through the embedded gateway and its replica."""

import time
from pathlib import Path

import httpx
import pytest

from contract.products.calibration import CALIBRATION_FILE
from contract.products.card import CARD_FIELDS, NEVER_VISIBLE
from gateway.cli.embedded import Stack
from inference.config import DEMO_CHECKPOINT
from tests.support.asking import events_of

CARD, MATCH = "/v1/products/card", "/v1/match"


@pytest.fixture
def data(sample_photo: Path) -> bytes:
    return sample_photo.read_bytes()


def test_a_card_is_valid_whatever_the_weights_know(embedded_stack: Stack, data: bytes) -> None:
    with httpx.Client(base_url=embedded_stack.url, timeout=60) as client:
        begun = time.monotonic()
        answer = client.post(CARD, files={"photo": data}, data={"language": "en"})
        computed_s = time.monotonic() - begun
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["finish_reason"] == "stop"
        card = told["card"]
        assert set(card) == {*CARD_FIELDS, "confidence"}
        assert set(NEVER_VISIBLE) <= set(card["not_visible"])
        assert list(card["confidence"]) == list(CARD_FIELDS)
        assert all(0 <= sure <= 1 for sure in card["confidence"].values())
        begun = time.monotonic()
        again = client.post(CARD, files={"photo": data}, data={"language": "en"})
        assert again.headers["x-cache"] == "hit"
        assert time.monotonic() - begun < computed_s
        assert again.json()["card"] == card


def test_a_card_s_fields_come_before_its_end(embedded_stack: Stack, data: bytes) -> None:
    texts = {"language": "zh", "stream": "true"}
    request = {"files": {"photo": data}, "data": texts, "timeout": 60}
    with httpx.stream("POST", embedded_stack.url + CARD, **request) as answer:  # type: ignore[arg-type]
        answer.read()
    events = events_of(answer)
    assert [event["field"] for event in events[:-1]] == list(CARD_FIELDS)
    whole = events[-1]["card"]
    assert {event["field"]: event["value"] for event in events[:-1]} == {
        name: whole[name] for name in CARD_FIELDS
    }


def test_a_score_is_the_model_s_own_probability(embedded_stack: Stack, data: bytes) -> None:
    with httpx.Client(base_url=embedded_stack.url, timeout=60) as client:
        for text in ("red", "红色"):
            form = {"files": {"photo": data}, "data": {"text": text}}
            answer = client.post(MATCH, **form)  # type: ignore[arg-type]
            assert answer.status_code == 200, answer.text
            assert 0 <= answer.json()["score"] <= 1
            assert answer.json()["usage"]["completion_tokens"] == 1
            assert client.post(MATCH, **form).headers["x-cache"] == "hit"  # type: ignore[arg-type]


def test_what_is_shipped_with_the_checkpoint_is_what_is_told(
    embedded_stack: Stack, data: bytes
) -> None:
    shipped = (DEMO_CHECKPOINT / CALIBRATION_FILE).exists()
    (model,) = httpx.get(f"{embedded_stack.url}/v1/models").json()["data"]
    assert ("calibration" in model) is shipped
    form = {"files": {"photo": data}, "data": {"text": "red"}}
    answer = httpx.post(embedded_stack.url + MATCH, **form, timeout=60)  # type: ignore[arg-type]
    assert answer.json()["calibrated"] is shipped
