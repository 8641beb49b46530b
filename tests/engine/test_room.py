"""A context that is shorter than prompt and bound together: how long an answer gets, and who is
refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract.completion import DEFAULT_MAX_TOKENS, CompletionRequest, Turn
from contract.http_protocol import HttpProtocol
from contract.products.card import CARD_SCHEMA, MAX_CARD_TOKENS
from contract.products.questions import card_request
from gateway.prompt import CARD_SYSTEM, with_system_prompt
from inference.app import create_app
from inference.config import Settings
from inference.model.model import Model
from inference.preparing import ENOUGH_TOKENS
from tests.support import ROOT
from tests.support.asking import chat, photo, post
from tests.support.servers import served
from tests.unit.inference.test_memory import BF16_20_GB, LONGEST

CONTEXT = 600


@pytest.fixture(scope="module")
def replica(model_folder: Path) -> Iterator[str]:
    settings = Settings(
        _env_file=None,
        checkpoint=str(model_folder),
        image_helpers=1,
        slots=1,
        max_context_tokens=CONTEXT,
    )
    with served(create_app(settings), http=HttpProtocol) as url:
        yield url


def choice_of(body: dict[str, Any]) -> tuple[str, int, int]:
    usage = body["usage"]
    finish = body["choices"][0]["finish_reason"]
    return finish, usage["prompt_tokens"], usage["completion_tokens"]


@pytest.mark.parametrize("bound", [CONTEXT - 1, CONTEXT, 4096])
def test_an_answer_gets_what_the_prompt_leaves_of_the_context(replica: str, bound: int) -> None:
    answer = post(replica, chat("What is it?", max_tokens=bound))
    assert answer.status_code == 200, answer.text
    finish, prompt, tokens = choice_of(answer.json())
    assert (finish, prompt + tokens) == ("length", CONTEXT)


def test_a_card_is_answered_though_its_bound_is_more_than_the_context(replica: str) -> None:
    assert MAX_CARD_TOKENS > CONTEXT
    schema = {"name": "card", "schema": json.loads(CARD_SCHEMA), "strict": True}
    body = chat("Fill in the product card", photo(), max_tokens=MAX_CARD_TOKENS, temperature=1.0)
    body |= {"response_format": {"type": "json_schema", "json_schema": schema}, "seed": 1}
    assert post(replica, body).status_code == 200


def test_who_would_get_less_than_enough_is_refused(replica: str) -> None:
    def told(words: int, bound: int | None = None) -> int:
        named = {} if bound is None else {"max_tokens": bound}
        return post(replica, chat("ᚠ" * words, **named)).status_code  # three tokens each

    empty = choice_of(post(replica, chat("ᚠ", max_tokens=1)).json())[1] - 3
    fits = (CONTEXT - DEFAULT_MAX_TOKENS - empty) // 3
    for bound in (None, DEFAULT_MAX_TOKENS, 4096):
        assert (told(fits, bound), told(fits + 1, bound)) == (200, 400)
    assert told(fits + 1, 8) == 200, "who wants little needs little"


def test_the_context_of_the_gpu_overlay_holds_a_card_of_the_largest_photo(
    published_folder: Path,
) -> None:
    """The vocabulary and the template are the published ones; docker-compose.gpu.yml has the
    photo's bound, and docs/operations.md the context."""
    assert "${MAX_IMAGE_TOKENS:-256}" in (ROOT / "docker-compose.gpu.yml").read_text()
    model = Model(
        Settings(
            _env_file=None,
            checkpoint=str(published_folder),
            max_image_tokens=256,
            slots=1,
            max_context_tokens=64,
        )
    )
    typed = CompletionRequest((Turn("user", ""),), None)
    largest = Image.new("RGB", (1024, 1024))
    context = BF16_20_GB.plan(None, None, LONGEST).context
    for language in ("zh", "en"):
        card = card_request(replace(typed, language=language))
        asked = with_system_prompt(card, CARD_SYSTEM)
        for attempt in range(3):
            prompt = model.prompt(asked, largest, "", attempt)
            assert len(prompt.ids) + ENOUGH_TOKENS <= context, (language, attempt)
