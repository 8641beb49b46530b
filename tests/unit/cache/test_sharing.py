"""What others hear of an answer under way: all of it, or nothing of what names a person."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.render import AnswerPiece
from contract.response import Delta, Finished, TokenLogprob
from gateway.cache.computation import Computation
from gateway.cache.flights import Flights
from gateway.cache.sharing import NotSharedError, Sharing
from gateway.log.masking import SHARED, personal
from gateway.log.personal.settled import settled
from tests.unit.log.benign_texts import benign_texts
from tests.unit.log.masking_eval import leaks
from tests.unit.log.personal_texts import KINDS, personal_texts

END = Finished("stop")


def shared(pieces: list[str]) -> tuple[str, bool]:
    """The text that others have heard, and whether the rest was withheld from them."""
    sharing = Sharing(SHARED)
    heard = [piece for text in pieces for piece in sharing.add(Delta(text))]
    heard += sharing.add(END)
    assert (heard[-1:] == [END]) is not sharing.withheld
    return "".join(piece.text for piece in heard if isinstance(piece, Delta)), sharing.withheld


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_nothing_of_a_number_is_heard_however_it_comes(kind: str, size: int) -> None:
    for one in personal_texts(kind, 40, seed=5):
        text = f"The label reads as follows. {one.text} 产地广州。"
        heard, withheld = shared([text[at : at + size] for at in range(0, len(text), size)])
        assert withheld == personal(text)
        assert not withheld or not leaks(one, heard), (one, heard)


def test_goods_are_heard_to_the_end() -> None:
    for text in benign_texts(400, seed=5):
        assert shared(list(text)) == (text, False)


@given(st.text("a1 一好-.@，", max_size=40))
def test_others_hear_what_the_asker_does_in_the_end(text: str) -> None:
    heard, withheld = shared(list(text))
    assert text.startswith(heard)
    assert withheld or heard == text


@given(st.text("ab1 一好-.@，", max_size=30), st.text("ab1 一好-.@，", max_size=10))
def test_what_is_settled_stays_so(front: str, more: str) -> None:
    assert 0 <= settled(front) <= settled(front + more) or settled(front) >= len(front) - 12


def test_words_are_one_behind_and_numbers_until_they_end() -> None:
    assert settled("这是一款手提包") == len("这是一款手提包")
    assert settled("It is a bag") == len("It is a ")
    assert settled("It is a bag ") == len("It is a ")
    assert settled("电话是138 1234 ") == len("电话是")
    assert settled("电话是138，") == len("电话是")
    assert settled("共138件") == len("共138件")


@pytest.mark.parametrize(
    "number", ["6234.5678", "(6234) 5678", "6（23）4·5678", "六二三四五六七八", "⑥②③④⑤⑥⑦⑧"]
)
def test_a_number_waits_for_its_owner(number: str) -> None:
    for owner in ("是我的手机", "\n是我家电话", " is my home number"):
        text = f"上面写着{number}{owner}。"
        heard, withheld = shared(list(text))
        assert withheld
        assert text.startswith(heard)
        assert len(heard) <= len("上面写着("), heard


def test_log_probabilities_come_with_the_last_of_their_text() -> None:
    spelt = TokenLogprob(b"bag", -0.1, ())
    sharing = Sharing(SHARED)
    assert sharing.add(Delta("a bag", (spelt,))) == [Delta("a ")]
    assert sharing.add(END) == [Delta("bag", (spelt,)), END]


async def test_of_two_in_one_gateway_only_who_began_hears_a_number() -> None:
    go = asyncio.Event()

    async def compute() -> AsyncGenerator[AnswerPiece]:
        yield Delta("标签上写着")
        await go.wait()
        for digit in "13812345678":
            yield Delta(digit)
        yield Delta("。")
        yield END

    flights = Flights(SHARED)
    flight, _ = flights.join_or_lead("k", lambda: Computation(compute))
    same, under_way = flights.join_or_lead("k", lambda: Computation(compute))
    assert (same, under_way) == (flight, True)
    heard: list[AnswerPiece] = []
    asking = flight.follow(own=False)
    heard.append(await anext(asking))
    go.set()
    own = [piece async for piece in flight.follow()]
    assert "".join(piece.text for piece in own if isinstance(piece, Delta))[5:] == "13812345678。"
    with pytest.raises(NotSharedError):
        await anext(asking)
    assert heard == [Delta("标签上写着")]
    assert flights.join_or_lead("k", lambda: Computation(compute))[0] is not flight
