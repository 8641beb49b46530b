"""The rows in flight, how many there may be, and their places in the KV cache."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from inference.batching.sequence import Sequence
from inference.model.network import Network
from inference.model.tensors import OutOfMemory

# After running out of memory the batch is smaller. After so many good passes it may grow by a row.
RECOVERY_PASSES = 200


class RowLimit:
    """How many rows may be in flight: `value`, at most `slots`."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._passes = 0
        self.value = slots

    def shrink(self, rows: int) -> None:
        """The device ran out of memory with so many rows."""
        self.value, self._passes = max(1, rows - 1), 0

    def record_pass(self) -> None:
        self._passes += 1
        if self._passes >= RECOVERY_PASSES and self.value < self._slots:
            self.value, self._passes = self.value + 1, 0


@dataclass
class Step:
    """`reads`: the rows of a pass, and how many tokens each adds. Before it the tower looks at the
    photos of `looks`, for as long as `look_tokens` tokens take."""

    reads: list[tuple[Sequence, int]]
    looks: list[Sequence] = field(default_factory=list)
    look_tokens: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.reads and not self.looks

    @property
    def lane_share(self) -> float:
        """Of its time, by tokens: what of it is the batch lane's. Photos are of one lane only."""
        lane = sum(tokens for row, tokens in self.reads if row.in_lane)
        lane += self.look_tokens if any(row.in_lane for row in self.looks) else 0
        return lane / (self.look_tokens + sum(tokens for _, tokens in self.reads))


class Rows:
    """A row's place in the cache is its place in `decoding` and `prefilling`, one after the other.
    In both, shoppers' rows stand before those of the batch lane: so a pass over shoppers' alone is
    a pass over adjacent rows, too."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.decoding: list[Sequence] = []
        self.prefilling: list[Sequence] = []

    def __len__(self) -> int:
        return len(self.decoding) + len(self.prefilling)

    def __iter__(self) -> Iterator[Sequence]:
        return iter(self.decoding + self.prefilling)

    def place(self, row: Sequence) -> int:
        return list(self).index(row)

    @property
    def shoppers(self) -> int:
        return sum(not row.in_lane for row in self)

    @property
    def shoppers_decoding(self) -> int:
        return sum(not row.in_lane for row in self.decoding)

    def add(self, row: Sequence) -> int:
        """A row that begins. Returns how many of its tokens are known."""
        row.has_begun = True
        before = list(self)
        _insert(row, self.prefilling)
        self._settle(before)
        network = self._network
        known = network.prefixes.load(row.job.prompt, network.cache, self.place(row))
        row.cached_tokens = row.known_tokens = known
        return known

    def plan(self, answers: int, most_tokens: int) -> Step:
        """A token for the first `answers` in decode, and prompts in the order of their arrival, for
        as long as `most_tokens` tokens take: so long do answers wait at most. Prompts of the lane
        are read when shoppers have none. A photo's tokens are read when the tower has looked at it,
        which takes its time, too. Photos that it looks at together have no more tokens than a step,
        because its memory is planned for that."""
        network = self._network
        step = Step([(row, 1) for row in self.decoding[:answers]])
        ahead = {row: row.photo_ahead for row in self.prefilling}
        network.vision.in_use = {photo.key for photo in ahead.values() if photo is not None}
        left = most_tokens
        looked_at: dict[str, int] = {}
        for row, photo in ahead.items():
            if row.in_lane != self.prefilling[0].in_lane or not left:
                break
            if photo is not None and photo.key not in looked_at:
                cost = network.sight_cost(photo)
                together = sum(looked_at.values()) + photo.tokens
                if cost > left < most_tokens or (cost and looked_at and together > most_tokens):
                    break
                if cost:
                    looked_at[photo.key] = photo.tokens
                    step.looks.append(row)
                    step.look_tokens += min(cost, left)
                    left -= min(cost, left)
                if cost > most_tokens:  # such a photo is looked at in several steps
                    break
            tokens = min(row.readable_tokens, left)
            if not tokens:
                break
            step.reads.append((row, tokens))
            left -= tokens
        return step

    def begin_decode(self, row: Sequence) -> None:
        """The row's prompt is in the cache. No row before it is still in prefill."""
        before = list(self)
        self.prefilling.remove(row)
        _insert(row, self.decoding)
        self._settle(before)

    def remove(self, row: Sequence, *, spoiled: bool = False) -> None:
        """Take a row out, and move rows of the cache so that no gap is left. Where moving fails the
        row is out all the same. `spoiled`: its slot may hold NaN, which would spoil the next row
        there, even where it is masked: 0 × NaN is NaN."""
        before = list(self)
        if row in self.decoding:
            _take(row, self.decoding)
        else:
            # Nobody has looked at what came of the tokens that it has read.
            spoiled = spoiled or row.cached_tokens > 0
            self.prefilling.remove(row)
        if spoiled:
            self._network.cache.clear(before.index(row))
        self._settle(before)

    def forget_all(self) -> None:
        self.decoding.clear()
        self.prefilling.clear()

    def _copied(self, place: int, length: int) -> Any:
        try:
            return self._network.cache.read(place, length)
        except OutOfMemory:  # dearer than what can be read again
            self._network.release_memory()
            return self._network.cache.read(place, length)

    def _settle(self, before: list[Sequence]) -> None:
        """Move what the cache holds of each row from its place in `before` to its place now."""
        cache = self._network.cache
        moves = {
            before.index(row): (place, row.cached_tokens)
            for place, row in enumerate(self)
            if row.cached_tokens and before[place : place + 1] != [row]
        }
        swapped = []
        while moves:
            free = (source for source, (target, _) in moves.items() if target not in moves)
            source = next(free, None)
            if source is not None:
                target, length = moves.pop(source)
                cache.move(source, target, length)
            else:  # they take each other's places
                source = next(iter(moves))
                target, length = moves.pop(source)
                swapped.append((target, self._copied(source, length)))
            # Of a row that is being read nobody has looked at the numbers: they may be NaN.
            if target >= len(self.decoding) or self.decoding[target].answer_tokens == 0:
                cache.clear(source, length)
        for target, states in swapped:
            cache.write(target, states)


def _insert(row: Sequence, rows: list[Sequence]) -> None:
    """As the last one of its lane. The first row of the batch lane makes room for a shopper's by
    going to the end, so that no other has to move."""
    rows.append(row)
    first = next(place for place, other in enumerate(rows) if other.in_lane or other is row)
    if not row.in_lane:
        rows[first], rows[-1] = row, rows[first]


def _take(row: Sequence, rows: list[Sequence]) -> None:
    """The last row of its lane takes its place, and the last row of all takes that one's."""
    for lane in (row.in_lane, True):
        last = next((other for other in reversed(rows) if other.in_lane == lane), row)
        place = rows.index(row)
        rows[place], rows[rows.index(last)] = last, row
    rows.remove(row)
