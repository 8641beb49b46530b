"""Packs several conversations about one picture into one row, so that the photo is read once.

A conversation attends to the photo and to itself only, and has the positions that it would have
alone. So the results equal those of separate rows (a test compares them).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from demo_model.training.architecture import MERGE
from demo_model.training.conversations import Conversation, Transcriber

PHOTO, PADDING = 0, -1


@dataclass
class Packed:
    """A batch of rows: ids (n, l), positions (3, n, l), mask (n, 1, l, l), targets (n, l)."""

    ids: Tensor
    positions: Tensor
    mask: Tensor
    targets: Tensor  # the next token where it is part of an answer, else -100
    opens: Tensor  # whether that token begins an answer, or the clause with its verdict
    image: Tensor
    photos: list[int]  # whose tokens stand there, in the order of `image`


def pack(
    rows: list[list[Conversation]], transcriber: Transcriber, grid: tuple[int, int], pad: int
) -> Packed:
    """`grid` is the photos' size in patches (down, across), the same for all rows."""
    height, width = grid[0] // MERGE, grid[1] // MERGE
    size = height * width
    before, after = transcriber.before_image, transcriber.after_image
    prefix = [*before, *[transcriber.image] * size, *after]
    prefix_positions = _positions([*before, transcriber.image, *after], transcriber, height, width)
    resume = int(prefix_positions.max()) + 1

    spread = [[_spread(c, transcriber.image, size) for c in row] for row in rows]
    length = max(len(prefix) + sum(len(ids) for ids, _ in row) for row in spread)
    n = len(rows)
    ids = torch.full((n, length), pad)
    positions = torch.zeros((3, n, length), dtype=torch.long)
    targets = torch.full((n, length), -100)
    opens = torch.zeros((n, length), dtype=torch.bool)
    owner = torch.full((n, length), PADDING)
    sees = torch.zeros((n, length), dtype=torch.bool)
    photos: list[int] = []
    clause_ends = torch.tensor(sorted(transcriber.clause_ends))
    for index, row in enumerate(rows):
        at = len(prefix)
        ids[index, :at] = torch.tensor(prefix)
        positions[:, index, :at] = prefix_positions
        owner[index, :at] = PHOTO
        photos.append(index)
        for number, conversation in enumerate(row, start=1):
            long, is_learnt = spread[index][number - 1]
            tokens, learnt = torch.tensor(long), torch.tensor(is_learnt)
            span = slice(at, at + len(long))
            ids[index, span] = tokens
            first = resume if conversation.sees_photo else 0
            placed = _positions(conversation.ids, transcriber, height, width)
            positions[:, index, span] = placed + first
            owner[index, span] = number
            sees[index, span] = conversation.sees_photo
            ends = torch.isin(tokens, clause_ends)
            until = slice(at, at + len(long) - 1)
            targets[index, until] = torch.where(learnt[1:], tokens[1:], -100)
            opens[index, until] = learnt[1:] & (~learnt[:-1] | ends[:-1])
            if conversation.second is not None:
                photos.append(conversation.second)
            at += len(long)
    same = owner[:, :, None] == owner[:, None, :]
    looks = sees[:, :, None] & (owner[:, None, :] == PHOTO)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    allowed = ((same | looks) & causal)[:, None]
    return Packed(ids, positions, allowed, targets, opens, ids == transcriber.image, photos)


def _spread(conversation: Conversation, image: int, size: int) -> tuple[list[int], list[bool]]:
    """Its ids with each image token as often as a photo has tokens, and what is learnt of them."""
    ids: list[int] = []
    learnt: list[bool] = []
    for token, is_learnt in zip(conversation.ids, conversation.learnt, strict=True):
        times = size if token == image else 1
        ids += [token] * times
        learnt += [is_learnt] * times
    return ids, learnt


def _positions(ids: list[int], transcriber: Transcriber, height: int, width: int) -> Tensor:
    """M-RoPE, from 0 on: time, height and width. Text continues after a photo's longer side."""
    parts, at, text = [], 0, 0

    def write(count: int) -> None:
        parts.append((torch.arange(count) + at).expand(3, count))

    for token in [*ids, None]:
        if token is not None and token != transcriber.image:
            text += 1
            continue
        write(text)
        at, text = at + text, 0
        if token is not None:
            down = torch.arange(height).repeat_interleave(width) + at
            across = torch.arange(width).repeat(height) + at
            parts.append(torch.stack([torch.full_like(down, at), down, across]))
            at += max(height, width)
    return torch.cat(parts, dim=1)
