import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from inference.config import DEMO_CHECKPOINT
from inference.detokenizer import BYTE_OF_CHAR, Detokenizer, token_bytes

TOKENIZER = AutoTokenizer.from_pretrained(DEMO_CHECKPOINT)
SPECIAL = set(TOKENIZER.all_special_ids) | set(TOKENIZER.added_tokens_decoder)
CHAR_OF_BYTE = {byte: char for char, byte in BYTE_OF_CHAR.items()}


def bytes_of(token_id: int) -> bytes:
    return b"" if token_id in SPECIAL else token_bytes(TOKENIZER.convert_ids_to_tokens(token_id))


def test_the_table_is_one_to_one_over_all_bytes() -> None:
    assert sorted(BYTE_OF_CHAR.values()) == list(range(256))
    assert (
        token_bytes(CHAR_OF_BYTE[0xE5] + CHAR_OF_BYTE[0x8C] + CHAR_OF_BYTE[0x85]) == "包".encode()
    )


def test_the_pieces_joined_equal_the_tokenizer_s_own_decode() -> None:
    choose = random.Random(1)
    for _ in range(500):
        ids = [choose.randrange(len(TOKENIZER)) for _ in range(choose.randrange(40))]
        text = Detokenizer(bytes_of)
        joined = "".join(text.push(token_id) for token_id in ids) + text.flush()
        assert joined == TOKENIZER.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


@given(st.text(max_size=20))
def test_no_character_is_ever_broken(words: str) -> None:
    data = words.encode()
    text = Detokenizer(lambda index: data[index : index + 1])
    pieces = [text.push(index) for index in range(len(data))]
    assert "".join(pieces) == words
    assert all("\ufffd" not in piece or "\ufffd" in words for piece in pieces)


@pytest.mark.parametrize(
    ("words", "stops", "expected"),
    [
        ("a brown bag. Really", (". ",), "a brown bag"),
        ("结论:皮革。备注:无", ("备注", "。"), "结论:皮革"),
        ("ababac", ("abac",), "ab"),
        ("no stop here", ("xyz",), "no stop here"),
        ("ends with the start of it: xy", ("xyz",), "ends with the start of it: xy"),
    ],
)
def test_a_stop_string_ends_the_answer_and_is_not_part_of_it(
    words: str, stops: tuple[str, ...], expected: str
) -> None:
    data = words.encode()
    text = Detokenizer(lambda index: data[index : index + 1], stops)
    out = ""
    for index in range(len(data)):
        out += text.push(index)
        if text.stopped:
            break
    assert out + text.flush() == expected
