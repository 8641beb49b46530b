import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from contract.completion import CompletionRequest, Sampling, Turn
from contract.errors import DeadlineExceeded
from contract.images import EncodedImage
from contract.pixels.decoder import PhotoDecoder
from gateway.identity.callers import Caller
from gateway.images.identify import ImageIdentifier
from gateway.usecases import questions as module
from gateway.usecases.question import new_question
from gateway.usecases.questions import Questions
from tests.support.pictures import encoded, picture

CALLER = Caller("shop")
PHOTO = EncodedImage(encoded(picture()))


@pytest.fixture
async def questions() -> AsyncIterator[Questions]:
    decoder = PhotoDecoder(1, "gateway.images.jobs")
    yield Questions(ImageIdentifier(decoder), *cast(Any, (None, None, None)))
    decoder.close()


def asked(text: str = "what?", schema: str | None = None) -> CompletionRequest:
    return CompletionRequest((Turn("user", text),), PHOTO, Sampling(schema=schema))


async def test_a_body_is_recalled_within_its_tenant_only(questions: Questions) -> None:
    question = new_question(asked(), ("shop", "digest"))
    facts = await questions.identify(question, CALLER)
    known = questions.recall(("shop", "digest"))
    assert known is question.known
    assert known.image == facts
    assert known.asked.image is None  # no photo is kept
    assert questions.recall(("another", "digest")) is None


async def test_a_body_whose_photo_is_bad_is_not_remembered(questions: Questions) -> None:
    bad = CompletionRequest((Turn("user", "what?"),), EncodedImage(PHOTO.data[:100]))
    with pytest.raises(Exception, match="image_undecodable"):
        await questions.identify(new_question(bad, ("shop", "digest")), CALLER)
    assert questions.recall(("shop", "digest")) is None


async def test_the_least_recently_asked_is_forgotten_and_giants_are_not_kept(
    questions: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED_BODIES", 3)
    for number in range(4):
        await questions.identify(new_question(asked(), ("shop", str(number))), CALLER)
        questions.recall(("shop", "0"))
    assert [questions.recall(("shop", str(n))) is not None for n in range(4)] == [
        True,
        False,
        True,
        True,
    ]
    # As typed and as asked: "😀😀 …" is asked without its second space.
    for giant in (asked(schema=f'"{"x" * 5000}"'), asked("😀😀  " * 150)):
        await questions.identify(new_question(giant, ("shop", "giant")), CALLER)
        assert questions.recall(("shop", "giant")) is None


async def test_what_names_a_person_is_not_remembered(questions: Questions) -> None:
    for text in ("我的电话是13812345678", "我的电话是１３８１２３４５６７８", "vx: abc_1234"):
        question = new_question(asked(text), ("shop", text))
        assert question.known.personal
        assert not question.known.shareable
        await questions.identify(question, CALLER)
        assert questions.recall(("shop", text)) is None


async def test_the_model_is_asked_what_the_key_names(questions: Questions) -> None:
    question = new_question(asked("  ｉｓ\u200b it\n𝐫𝐞𝐝？？"))
    await questions.identify(question, CALLER)
    sent = await question.with_photos(question.known.canonical)
    assert sent.question == question.known.key("r", "n").question == "Is it red?"
    assert question.asked.question == "  ｉｓ\u200b it\n𝐫𝐞𝐝？？", "the log keeps what was typed"


async def test_the_key_follows_revision_and_tenant(questions: Questions) -> None:
    question = new_question(asked())
    await questions.identify(question, CALLER)
    keys = [question.known.key(r, n) for r in ("r1", "r2") for n in ("a", "b")]
    assert len({key.digest for key in keys}) == 4
    assert question.known.key("r1", "a").digest == keys[0].digest
    assert (await question.with_photos(question.known.canonical)).image == PHOTO


async def test_a_photo_that_takes_too_long_to_read_ends_with_the_deadline(
    questions: Questions,
) -> None:
    with pytest.raises(DeadlineExceeded):
        await questions.identify(new_question(asked()), CALLER, time.monotonic() - 1)
