"""The rows in flight, how many there may be, and their places in the KV cache."""

from collections.abc import Iterator

from inference.batching.sequence import Sequence
from inference.model.network import Network

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


class Rows:
    """A row's place in the cache is its place in `decoding` and `prefilling`, one after the
    other."""

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

    def add(self, row: Sequence) -> int:
        """A row that begins, after all others. Returns how many of its tokens are known."""
        self.prefilling.append(row)
        network = self._network
        row.cached_tokens = network.prefixes.load(row.job.prompt, network.cache, len(self) - 1)
        return row.cached_tokens

    def next_prefill(self, most_tokens: int) -> tuple[list[Sequence], int]:
        """The rows of the next pass over prompts, and how many tokens each adds at most: several
        short prompts together, or a part of a long one. `most_tokens`, filling included, bounds
        how long the pass delays the answers in decode."""
        rows: list[Sequence] = []
        width = longest = 0
        for row in self.prefilling:
            wider = max(width, row.uncached_tokens)
            longer = max(longest, row.cached_tokens)
            # Rows are filled up to the same width, and no row may outgrow its slot by that.
            fits = longer + wider <= self._network.cache.capacity
            if rows and (wider * (len(rows) + 1) > most_tokens or not fits):
                break
            rows.append(row)
            width, longest = wider, longer
        return rows, min(width, most_tokens)

    def begin_decode(self, row: Sequence) -> None:
        """The row's prompt is in the cache. No row before it is still in prefill."""
        self.prefilling.remove(row)
        self.decoding.append(row)

    def remove(self, row: Sequence, *, spoiled: bool = False) -> None:
        """Take a row out, and move rows of the cache so that no gap is left. Where moving fails the
        row is out all the same. `spoiled`: its slot may hold NaN, which would spoil the next row
        there, even where it is masked: 0 × NaN is NaN."""
        before = list(self)
        if row in self.decoding:
            last = self.decoding.pop()
            if last is not row:
                self.decoding[before.index(row)] = last
        else:
            # Nobody has looked at what came of the tokens that it has read.
            spoiled = spoiled or row.cached_tokens > 0
            self.prefilling.remove(row)
        cache = self._network.cache
        if spoiled:
            cache.clear(before.index(row))
        for place, other in enumerate(self):  # from the front: nobody's place is taken too early
            if before[place] is not other and other.cached_tokens:
                cache.move(before.index(other), place, other.cached_tokens)

    def forget_all(self) -> None:
        self.decoding.clear()
        self.prefilling.clear()
