"""inference/batching/sequence.py: which log-probabilities go out with which text."""

import asyncio

import pytest
import torch

from contract.completion import Sampling
from contract.response import Delta, Finished, TokenLogprob
from inference.batching.job import Job
from inference.batching.sequence import Sequence
from inference.model.prompts import Prompt

SPLIT = [byte.to_bytes() for byte in "皮革".encode()]  # a token for each byte of each character


async def answered(tokens: list[bytes], *stops: str, max_tokens: int = 100) -> list[Delta]:
    """The pieces of an answer that a model gives in these tokens, until it has ended."""
    prompt = Prompt([0], torch.zeros(3, 1), 0)
    sampling = Sampling(max_tokens=max_tokens, stop=stops, logprobs=True)
    job = Job(prompt, sampling, deadline=1e12)
    row = Sequence(job, lambda index: tokens[index], lambda index: index == len(tokens))
    for index in range(len(tokens) + 1):
        data = tokens[index] if index < len(tokens) else b""
        if row.add_token(index, TokenLogprob(data, -1.0)):
            break
    await asyncio.sleep(0)
    *pieces, end = [job.items.get_nowait() for _ in range(job.items.qsize())]
    assert isinstance(end, Finished)
    return [piece for piece in pieces if isinstance(piece, Delta)]


def spelled(pieces: list[Delta]) -> list[bytes]:
    return [token.data for piece in pieces for token in piece.logprobs]


@pytest.mark.parametrize(
    ("tokens", "stop", "kept"),
    [
        ([b"a ", b"bag", b".", b" Re", b"ally"], ".", 2),
        ([b"a ", b"bag", b". ", b"Re"], ". R", 2),
        ([b"a ", b"bag. R", b"eally"], ". R", 2),
        ([b"S", b"T", b"S", b"TO", b"P"], "STOP", 2),
        ([b"STOP"], "STOP", 0),
        ([b"a", b"", b"STOP"], "STOP", 1),
        ([*SPLIT, b".", b"x"], ".", 6),
        ([*SPLIT[:3], *SPLIT[3:], b"x"], "革", 3),
        ([b"ST", b"AST", b"OP"], "STOP", 2),
    ],
)
async def test_tokens_whose_text_a_stop_string_cut_away_are_not_told(
    tokens: list[bytes], stop: str, kept: int
) -> None:
    pieces = await answered(tokens, stop)
    whole = b"".join(tokens).decode()
    assert "".join(piece.text for piece in pieces) == whole[: whole.index(stop)]
    assert spelled(pieces) == tokens[:kept]


@pytest.mark.parametrize("stop", ["STOP", "zzz"])
async def test_without_a_stop_string_all_tokens_are_told(stop: str) -> None:
    for tokens in ([b"a ", b"bag S", b"T"], [b"", b"a", b""], [*SPLIT[:4]], [b"ST"]):
        assert spelled(await answered(tokens, stop)) == tokens
        assert spelled(await answered(tokens, stop, max_tokens=len(tokens))) == tokens


async def test_a_piece_never_tells_of_text_that_is_held_back() -> None:
    told = ""
    tokens = [b"S", b"T", b"S", b"T", b"x", *SPLIT, b"STO", b"y"]
    for piece in await answered(tokens, "STOP"):
        told += piece.text
        assert all(token.data.decode("utf-8", "ignore") in told for token in piece.logprobs)


async def test_what_is_read_a_second_time_is_counted_apart() -> None:
    prompt = Prompt([0] * 6, torch.zeros(3, 6), 0)
    row = Sequence(Job(prompt, Sampling(), deadline=1e12), lambda _: b"a", lambda _: False)
    assert row.read(4) == {"again": 0, "prompt": 4, "completion": 0}
    row.forget()
    assert row.read(6) == {"again": 4, "prompt": 2, "completion": 0}
    for token in (1, 2):
        row.add_token(token)
    assert row.read(1) == {"again": 0, "prompt": 0, "completion": 1}
    for _ in range(2):
        row.forget()
        assert row.read(3) == {"again": 3, "prompt": 0, "completion": 0}
    assert row.read(5) == {"again": 4, "prompt": 0, "completion": 1}
