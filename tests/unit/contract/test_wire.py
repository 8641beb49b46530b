"""The bytes that go to a replica are the JSON of the question, whatever is in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.completion import CompletionRequest, Sampling, Turn
from contract.images import EncodedImage
from contract.request import parse_completion
from contract.wire import wire_parts
from tests.support.pictures import encoded, picture

PHOTO = EncodedImage(encoded(picture(), "JPEG"))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_the_pieces_are_the_question(texts: list[str], with_photo: bool, instructed: bool) -> None:
    turns = [Turn("assistant" if n % 2 else "user", text) for n, text in enumerate(texts)]
    if instructed:
        turns.insert(0, Turn("system", 'be "brief"'))
    asked = CompletionRequest(tuple(turns), PHOTO if with_photo else None, Sampling(top_k=5))
    assert json.loads(b"".join(wire_parts(asked))) == asked.wire()


def test_a_replica_of_ours_reads_them() -> None:
    turns = (Turn("user", "这是?"), Turn("assistant", "a bag"), Turn("user", '"},{'))
    sampling = Sampling(12, 0.5, 0.9, 5, 1.5, 7, ("a",), True, 2, '{"type": "object"}')
    asked = CompletionRequest(turns, PHOTO, sampling, stream=True, include_usage=True)
    assert parse_completion(b"".join(wire_parts(asked))) == asked


@pytest.mark.parametrize("image", [None, PHOTO])
def test_fields_take_the_names_that_the_server_knows(image: EncodedImage | None) -> None:
    asked = CompletionRequest((Turn("user", "?"),), image, Sampling(top_k=5, seed=3))
    names = {"top_k": None, "max_tokens": "max_completion_tokens", "stop": "halt"}
    sent = json.loads(b"".join(wire_parts(asked, "another", names)))
    assert sent["model"] == "another"
    assert (sent["max_completion_tokens"], sent["seed"]) == (256, 3)
    assert not {"top_k", "max_tokens", "stop", "halt"} & sent.keys()
