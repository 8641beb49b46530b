"""Several photos in one conversation: which are read, where each belongs, what is sent on."""

import json
from typing import Any

import pytest

from contract import errors
from contract.completion import CompletionRequest
from contract.images import EncodedImage
from contract.request import parse_completion
from contract.turns import MAX_PHOTOS
from contract.wire import wire_parts
from tests.support.asking import data_uri, photo

UPLOAD = "img_" + "0" * 32
A, B, C = (data_uri(photo(seed)) for seed in (1, 2, 3))


def turn(*photos: str, text: str = "?") -> dict[str, Any]:
    shown = [{"type": "image_url", "image_url": {"url": url}} for url in photos]
    return {"role": "user", "content": [*shown, {"type": "text", "text": text}]}


ANSWER = {"role": "assistant", "content": "a bag"}


def parsed(*messages: dict[str, Any]) -> CompletionRequest:
    return parse_completion(json.dumps({"messages": messages}).encode())


def shown(asked: CompletionRequest) -> list[tuple[int, str | EncodedImage | None]]:
    """The turn of each photo, and its file or id."""
    first = (asked.photo_turn, asked.image or asked.image_id)
    return [first, *((p.user_turn, p.image or p.image_id) for p in asked.further)]


def file(seed: int) -> EncodedImage:
    return EncodedImage(photo(seed))


def test_two_photos_in_one_question_keep_their_order() -> None:
    assert shown(parsed(turn(A, B))) == [(0, file(1)), (0, file(2))]
    assert shown(parsed(turn(B, A))) == [(0, file(2)), (0, file(1))]
    assert shown(parsed(turn(UPLOAD, B))) == [(0, UPLOAD), (0, file(2))]


def test_each_photo_belongs_to_the_turn_that_shows_it() -> None:
    asked = parsed(turn(A), ANSWER, turn(), ANSWER, turn(B, UPLOAD))
    assert shown(asked) == [(0, file(1)), (2, file(2)), (2, UPLOAD)]
    late = parsed({"role": "system", "content": "be brief"}, turn(), ANSWER, turn(A, B))
    assert shown(late) == [(1, file(1)), (1, file(2))]


def test_a_photo_sent_by_itself_is_of_the_turn_that_follows() -> None:
    alone = {"role": "user", "content": turn(A)["content"][:1]}
    assert parsed(alone, turn(B)) == parsed(turn(A, B))
    assert parsed(turn(C), ANSWER, alone, ANSWER, turn()) == parsed(
        turn(C), ANSWER, ANSWER, turn(A)
    )
    with pytest.raises(errors.InvalidField) as caught:
        parsed(turn(B), ANSWER, alone)
    assert caught.value.param == "messages.2.content"


def test_an_only_photo_is_the_front_of_all_whichever_turn_shows_it() -> None:
    assert shown(parsed(turn(), ANSWER, turn(A))) == [(0, file(1))]
    assert parsed(turn(), ANSWER, turn(A)) == parsed(turn(A), ANSWER, turn())


def test_a_photo_that_is_sent_again_with_each_turn_is_one() -> None:
    again = parsed(*[message for _ in range(6) for message in (turn(A), ANSWER)], turn(A))
    assert shown(again) == [(0, file(1))]
    both = parsed(turn(A, B), ANSWER, turn(A, B))
    assert shown(both) == [(0, file(1)), (0, file(2))]
    by_id = parsed(turn(UPLOAD), ANSWER, turn(UPLOAD))
    assert shown(by_id) == [(0, UPLOAD)]


def test_a_photo_that_is_shown_again_after_another_is_meant_again() -> None:
    asked = parsed(turn(A), ANSWER, turn(B), ANSWER, turn(A))
    assert shown(asked) == [(0, file(1)), (1, file(2)), (2, file(1))]
    one_of_two = parsed(turn(A, B), ANSWER, turn(A))
    assert shown(one_of_two) == [(0, file(1)), (0, file(2)), (1, file(1))]


@pytest.mark.parametrize(
    ("messages", "place"),
    [
        ([turn(*[A, B] * 3)], "messages.0.content.4.image_url.url"),
        ([turn(A, B, C), ANSWER, turn(B, A)], "messages.2.content.1.image_url.url"),
        ([turn(A), ANSWER, turn("data:image/png;base64,@@")], "messages.2.content.0.image_url.url"),
        ([turn(A, "http://shop.example/a.jpg")], "messages.0.content.1.image_url.url"),
        ([{**turn(A), "role": "system"}, turn()], "messages.0.content.0.image_url.url"),
        ([turn(A), {**turn(B), "role": "assistant"}, turn()], "messages.1.content.0.type"),
    ],
)
def test_the_photo_at_fault_is_named_by_its_place(
    messages: list[dict[str, Any]], place: str
) -> None:
    with pytest.raises(errors.ClientError) as caught:
        parsed(*messages)
    assert caught.value.param == place


def test_as_many_as_are_allowed_are_read() -> None:
    assert len(shown(parsed(turn(*[A, B] * (MAX_PHOTOS // 2))))) == MAX_PHOTOS


@pytest.mark.parametrize(
    "messages",
    [
        [turn(A, B)],
        [turn(A), ANSWER, turn(B)],
        [turn(), ANSWER, turn(A, B), ANSWER, turn(C)],
        [{"role": "system", "content": "be brief"}, turn(A), ANSWER, turn(), ANSWER, turn(B)],
    ],
)
def test_a_replica_of_ours_reads_the_same_question(messages: list[dict[str, Any]]) -> None:
    asked = parsed(*messages)
    sent = b"".join(wire_parts(asked))
    assert json.loads(sent) == asked.wire()
    assert parse_completion(sent) == asked


def test_a_server_of_another_kind_is_told_a_name_of_each_photo() -> None:
    asked = parsed(turn(A), ANSWER, turn(B))
    names = {photo(1): "one", photo(2): "two"}
    sent = json.loads(
        b"".join(wire_parts(asked, photo_fields=lambda image: {"uuid": names[image.data]}))
    )
    parts = [m["content"][0] for m in sent["messages"] if m["role"] == "user"]
    assert [(part["uuid"], part["image_url"]["url"]) for part in parts] == [("one", A), ("two", B)]


def test_an_error_keeps_the_place_of_the_photo_that_it_is_about() -> None:
    asked = parsed(turn(A, B))
    second = "messages.0.content.1.image_url.url"
    assert asked.placed(errors.ImageUndecodable(second)).param == second
    assert asked.placed(errors.PayloadTooLarge(second)).param == second
    first = asked.placed(errors.ImageUndecodable("anything of a replica's"))
    assert first.param == "messages.0.content.0.image_url.url"
