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


def pack(
    rows: list[list[Conversation]], transcriber: Transcriber, grid: tuple[int, int], pad: int
) -> Packed:
    """`grid` is the photos' size in patches (down, across), the same for all rows."""
    height, width = grid[0] // MERGE, grid[1] // MERGE
    before, after = transcriber.before_image, transcriber.after_image
    prefix = [*before, *[transcriber.image] * (height * width), *after]
    start = len(before)
    resume = start + max(height, width)  # M-RoPE: text continues after the photo's longer side
    down = torch.arange(height).repeat_interleave(width) + start
    across = torch.arange(width).repeat(height) + start
    still = torch.full_like(down, start)
    photo = torch.stack([still, down, across])
    lead = torch.arange(start).expand(3, start)
    tail = (torch.arange(len(after)) + resume).expand(3, len(after))
    prefix_positions = torch.cat([lead, photo, tail], dim=1)

    length = max(len(prefix) + sum(len(c.ids) for c in row) for row in rows)
    n = len(rows)
    ids = torch.full((n, length), pad)
    positions = torch.zeros((3, n, length), dtype=torch.long)
    targets = torch.full((n, length), -100)
    opens = torch.zeros((n, length), dtype=torch.bool)
    owner = torch.full((n, length), PADDING)
    sees = torch.zeros((n, length), dtype=torch.bool)
    clause_ends = transcriber.clause_ends
    for index, row in enumerate(rows):
        at = len(prefix)
        ids[index, :at] = torch.tensor(prefix)
        positions[:, index, :at] = prefix_positions
        owner[index, :at] = PHOTO
        for number, conversation in enumerate(row, start=1):
            size = len(conversation.ids)
            span = slice(at, at + size)
            tokens = torch.tensor(conversation.ids)
            ids[index, span] = tokens
            first = resume + len(after) if conversation.sees_photo else 0
            positions[:, index, span] = torch.arange(size) + first
            owner[index, span] = number
            sees[index, span] = conversation.sees_photo
            learnt = torch.tensor(conversation.learnt)
            ends = torch.tensor([token in clause_ends for token in conversation.ids])
            targets[index, at : at + size - 1] = torch.where(learnt[1:], tokens[1:], -100)
            opens[index, at : at + size - 1] = learnt[1:] & (~learnt[:-1] | ends[:-1])
            at += size
    same = owner[:, :, None] == owner[:, None, :]
    looks = sees[:, :, None] & (owner[:, None, :] == PHOTO)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    allowed = ((same | looks) & causal)[:, None]
    return Packed(ids, positions, allowed, targets, opens, ids == transcriber.image)
