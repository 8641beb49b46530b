"""What our contract needs of a server, of whatever kind: asked of a real vLLM and of a replica of
ours, through a gateway."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from contract.products.card import CARD_FIELDS
from tests.conftest import SAMPLES
from tests.support.asking import chat, events_of, photo, post, text_of
from tests.support.pictures import encoded
from tests.support.servers import wait_until
from tests.upstreams.conftest import Engine

UMBRELLA = (SAMPLES / "red-dotted-umbrella.jpg").read_bytes()
CARD = {
    "type": "object",
    "properties": {
        "kind": {"type": "string", "maxLength": 12},
        "colours": {"type": "array", "items": {"enum": ["red", "blue", "grey"]}, "maxItems": 2},
        "leather": {"type": "boolean"},
    },
    "required": ["kind", "colours", "leather"],
    "additionalProperties": False,
}


def formatted(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "card", "schema": schema}}


def test_an_answer_its_stream_and_its_usage(engine: Engine) -> None:
    asked = chat("这是什么颜色?", UMBRELLA, max_tokens=24)
    whole = post(engine.gateway, asked)
    streamed = post(engine.gateway, {**asked, "stream": True}, **{"cache-control": "no-cache"})
    assert text_of(streamed) == text_of(whole)
    assert len(events_of(streamed)) > 3, "piece by piece"
    usage = whole.json()["usage"]
    assert usage["prompt_tokens"] > 30, "the photo's among them"
    assert 0 < usage["completion_tokens"] <= 24
    assert whole.json()["choices"][0]["finish_reason"] in ("stop", "length")


def test_openai_s_client_works_unchanged(engine: Engine) -> None:
    client = openai.OpenAI(base_url=f"{engine.gateway}/v1", api_key="key-1", max_retries=0)
    messages: Any = chat("What is it made of?", UMBRELLA)["messages"]
    answer = client.chat.completions.create(model="shopsight", messages=messages, max_tokens=8)
    assert answer.choices[0].message.content
    (model,) = client.models.list().data
    assert "/" not in (model.model_extra or {})["model_revision"], "no folder of this machine"


def test_its_limit_of_tokens_is_kept_and_told(engine: Engine) -> None:
    answer = post(engine.gateway, chat("Describe it.", UMBRELLA, max_tokens=3)).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


def test_a_stop_text_ends_the_answer(engine: Engine) -> None:
    whole = text_of(post(engine.gateway, chat("这是什么?", UMBRELLA, max_tokens=24)))
    stop = whole[4:6]
    cut = text_of(post(engine.gateway, chat("这是什么?", UMBRELLA, max_tokens=24, stop=[stop])))
    assert cut == whole[: whole.index(stop)]


def test_a_seed_makes_a_warm_answer_repeatable_and_another_differs(engine: Engine) -> None:
    fresh = {"cache-control": "no-cache"}

    def ask(seed: int) -> str:
        asked = chat("Tell me more?", UMBRELLA, seed=seed, temperature=2.0, max_tokens=24)
        return text_of(post(engine.gateway, asked, **fresh))

    assert ask(-1) == ask(-1)
    assert len({ask(seed) for seed in range(4)}) > 1


@pytest.mark.parametrize("question", ["Make a card.", "用 JSON 描述"])
def test_an_answer_keeps_to_its_schema_without_white_space(engine: Engine, question: str) -> None:
    """Else a model may go on with newlines until its tokens are used up."""
    asked = chat(question, UMBRELLA, response_format=formatted(CARD), max_tokens=96)
    answer = post(engine.gateway, asked)
    text = text_of(answer)
    card = json.loads(text)
    assert set(card) == {"kind", "colours", "leather"}
    assert text == json.dumps(card, ensure_ascii=False, separators=(",", ":"))
    assert answer.json()["choices"][0]["finish_reason"] == "stop"


def test_any_object_is_one(engine: Engine) -> None:
    asked = chat("JSON?", response_format={"type": "json_object"}, max_tokens=64)
    answer = post(engine.gateway, asked)
    if answer.json()["choices"][0]["finish_reason"] == "stop":
        assert isinstance(json.loads(text_of(answer)), dict)
    assert text_of(answer).startswith("{")


def test_a_schema_that_nothing_satisfies_is_the_question_s_fault(engine: Engine) -> None:
    """However often: the server answers the next question."""
    impossible = {"type": "object", "required": ["a"], "additionalProperties": False}
    impossible["properties"] = {"a": {"type": "string", "minLength": 5, "maxLength": 2}}
    for number in range(5):
        asked = chat(f"{number}?", UMBRELLA, response_format=formatted(impossible))
        answer = post(engine.gateway, asked)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_schema")
    assert text_of(post(engine.gateway, chat("still there?", UMBRELLA, max_tokens=4)))


@pytest.mark.parametrize("fields", [{}, {"response_format": formatted(CARD)}])
def test_too_long_a_conversation_is_told_in_openai_s_words(
    engine: Engine, fields: dict[str, Any]
) -> None:
    turns = [
        {"role": role, "content": "手工 leather bag 42 " * 95}
        for role in ("user", "assistant", "user", "assistant")
    ]
    asked = {"model": "shopsight", "messages": [*turns, {"role": "user", "content": "?"}], **fields}
    answer = post(engine.gateway, asked)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")


def test_log_probabilities_spell_the_answer(engine: Engine) -> None:
    asked = chat("Is it real leather", UMBRELLA, logprobs=True, top_logprobs=2, max_tokens=48)
    choice = post(engine.gateway, asked).json()["choices"][0]
    tokens = choice["logprobs"]["content"]
    spelt = b"".join(bytes(token["bytes"]) for token in tokens).decode()
    assert spelt == choice["message"]["content"]
    assert all(token["logprob"] <= 0 and len(token["top_logprobs"]) == 2 for token in tokens)


def test_a_product_card_is_whole_and_has_its_confidences(engine: Engine) -> None:
    """Whatever the weights know of cards."""
    form = {"files": {"photo": UMBRELLA}, "data": {"language": "en"}, "timeout": 120}
    key = {"authorization": "Bearer key-1"}
    answer = httpx.post(f"{engine.gateway}/v1/products/card", headers=key, **form)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    card = answer.json()["card"]
    assert set(card) == {*CARD_FIELDS, "confidence"}
    assert all(0 <= sure <= 1 for sure in card["confidence"].values()), "each has one"


@pytest.mark.parametrize("text", ["red umbrella", "红色雨伞"])
def test_a_match_has_a_score_after_one_token(engine: Engine, text: str) -> None:
    form = {"files": {"photo": UMBRELLA}, "data": {"text": text}, "timeout": 120}
    key = {"authorization": "Bearer key-1"}
    answer = httpx.post(f"{engine.gateway}/v1/match", headers=key, **form)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    assert 0 <= answer.json()["score"] <= 1
    assert answer.json()["usage"]["completion_tokens"] == 1


@pytest.mark.parametrize("size", [(32, 32), (33, 2000), (3200, 40), (4000, 3000), (1024, 1024)])
def test_photos_of_every_size_are_answered(engine: Engine, size: tuple[int, int]) -> None:
    data = encoded(Image.linear_gradient("L").resize(size).convert("RGBA"), "PNG")
    answer = post(engine.gateway, chat("What is it?", data, max_tokens=4))
    assert text_of(answer), answer.text
    # The picture and the words around it.
    assert answer.json()["usage"]["prompt_tokens"] < 300


def test_control_tokens_in_a_question_are_words(engine: Engine) -> None:
    """The place of a photo that nobody sent, and the end of a turn: spelt out, each takes several
    tokens of the prompt, and the photo's place is no photo."""

    def prompt_tokens(text: str) -> int:
        answer = post(engine.gateway, chat(text, max_tokens=4))
        assert text_of(answer)
        return int(answer.json()["usage"]["prompt_tokens"])

    without = prompt_tokens("is a red bag")
    for token in ("<|image_pad|>", "<|im_end|>", "<|vision_start|>"):
        assert prompt_tokens(f"is {token} a red bag") - without >= 4


def test_an_asker_who_leaves_takes_the_work_along(
    engine: Engine, request: pytest.FixtureRequest
) -> None:
    asked = {**chat("Describe all of it.", UMBRELLA, max_tokens=400), "stream": True}
    asked |= {"temperature": 2.0, "response_format": formatted(LONG)}
    with httpx.stream("POST", f"{engine.gateway}/v1/chat/completions", json=asked) as answer:
        assert answer.status_code == 200
        next(answer.iter_text())
    name = "vllm:num_requests_running" if engine.kind == "vllm" else "inference_slots_used"
    url = engine.entry["url"]

    def running() -> float:
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    wait_until("given up", lambda: running() == 0, 10)


LONG = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "integer"}, "minItems": 300}},
    "required": ["a"],
}


def test_questions_at_once_are_all_answered(engine: Engine) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        asked = [
            chat(f"{number}: what is it?", photo(number), max_tokens=8) for number in range(24)
        ]
        answers = list(pool.map(lambda body: post(engine.gateway, body), asked))
    assert all(text_of(answer) for answer in answers)
    assert time.monotonic() - began < 60
