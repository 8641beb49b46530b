"""A replica with in-flight batching, simulated step by step: who waits gets a slot in turn, and
each step reads prompts and adds a token to each answer."""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.capacity.steps import Steps


@dataclass(frozen=True)
class Questions:
    """What shoppers ask that no cache knows: Poisson arrivals, lengths of answers around a mean."""

    photo_tokens: int = 256
    """Of a photo of 512²."""
    own_tokens: int = 20
    """The question's words."""
    instruction_tokens: int = 84
    answer_tokens: int = 40
    second: float = 0.3
    """Share of questions about a photo whose prompt the replica has kept: only its own words are
    read."""

    def draw(self, random: random.Random) -> tuple[int, int, int]:
        """Tokens of the prompt that are read, those that are known already, and the answer's."""
        answer = 1 + round(random.expovariate(1 / (self.answer_tokens - 1)))
        known = self.photo_tokens + self.instruction_tokens
        if random.random() < self.second:
            return self.own_tokens, known, min(answer, 4 * self.answer_tokens)
        return self.own_tokens + known, 0, min(answer, 4 * self.answer_tokens)


@dataclass
class Row:
    arrived_at: float
    unread: int
    known: int
    left: int
    first_at: float = 0.0
    ended_at: float = 0.0

    @property
    def decodes(self) -> bool:
        return self.unread == 0


@dataclass(frozen=True)
class Run:
    """Seconds from arrival, of every question that came in the run."""

    first_token_s: list[float]
    answer_s: list[float]
    longest_queue: int
    busy: float
    """Share of the time in which a step was under way."""

    def percentile(self, times: list[float], share: float) -> float:
        ordered = sorted(times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def simulate(
    steps: Steps,
    per_s: float,
    *,
    questions: int = 1000,
    seed: int = 1,
    shape: Questions | None = None,
) -> Run:
    """All questions are answered, however long that takes."""
    draw = random.Random(seed)
    arriving = deque(_arrivals(draw, per_s, questions, shape or Questions()))
    waiting: deque[Row] = deque()
    rows: list[Row] = []
    ended: list[Row] = []
    clock = busy_s = 0.0
    longest = 0
    while arriving or waiting or rows:
        if not waiting and not rows:
            clock = max(clock, arriving[0].arrived_at)
        while arriving and arriving[0].arrived_at <= clock:
            waiting.append(arriving.popleft())
        longest = max(longest, len(waiting))
        while waiting and len(rows) < steps.slots:
            rows.append(waiting.popleft())
        spent = _step(steps, rows)
        clock += spent
        busy_s += spent
        ended += _told(rows, clock)
        rows = [row for row in rows if row.left]
    return Run(
        [row.first_at - row.arrived_at for row in ended],
        [row.ended_at - row.arrived_at for row in ended],
        longest,
        busy_s / clock,
    )


def _arrivals(draw: random.Random, per_s: float, questions: int, shape: Questions) -> Iterator[Row]:
    clock = 0.0
    for _ in range(questions):
        clock += draw.expovariate(per_s)
        unread, known, answer = shape.draw(draw)
        yield Row(clock, unread, known, answer)


def _step(steps: Steps, rows: list[Row]) -> float:
    """One pass over all rows. Answers its seconds."""
    decoding = [row for row in rows if row.decodes]
    room = steps.prefill_tokens
    read = 0
    for row in rows:
        if not row.decodes and room > read:
            part = min(row.unread, room - read)
            row.unread -= part
            row.known += part
            read += part
    for row in decoding:
        row.known += 1
        row.left -= 1
    return steps.seconds(len(decoding), read, sum(row.known for row in rows))


def _told(rows: list[Row], clock: float) -> Iterator[Row]:
    """Rows whose prompt is read get their first token by the same pass; those that have ended."""
    for row in rows:
        if row.decodes and not row.first_at:
            row.first_at = clock
            row.left -= 1
        row.left = max(row.left, 0)
        if not row.left:
            row.ended_at = clock
            yield row


def most_per_s(
    steps: Steps, first_token_s: float, *, seed: int = 1, shape: Questions | None = None
) -> float:
    """Questions a second of which 95 of 100 have their first token within so many seconds. By
    halving an interval, to 1 %."""
    least, most = 0.05, 200.0
    while most / least > 1.01:
        tried = (least * most) ** 0.5
        run = simulate(steps, tried, seed=seed, shape=shape)
        if run.percentile(run.first_token_s, 0.95) <= first_token_s:
            least = tried
        else:
            most = tried
    return least
