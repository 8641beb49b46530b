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
    """A row's place in the cache is its place in `decoding` and `prefilling`, one after the other.
    Of the rows in prefill only the first can have tokens in the cache."""

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

    def next_prefill(self, most_tokens: int) -> tuple[list[Sequence], int]:
        """The rows of the next pass over prompts, and how many tokens each adds at most: several
        short prompts together, or a part of a long one. `most_tokens`, padding included, bounds
        how long the pass delays the answers in decode."""
        rows = self.prefilling[:1]
        if not rows:
            return [], 0
        width = min(rows[0].uncached_tokens, most_tokens)
        if not rows[0].cached_tokens:
            for row in self.prefilling[1:]:
                wider = max(width, row.uncached_tokens)
                if wider * (len(rows) + 1) > most_tokens:
                    break
                rows.append(row)
                width = wider
        return rows, width

    def begin_decode(self, row: Sequence) -> None:
        """The row's prompt is in the cache. No row before it is still in prefill."""
        self.prefilling.remove(row)
        self.decoding.append(row)

    def remove(self, row: Sequence, *, spoiled: bool = False) -> None:
        """Take a row out, and move rows of the cache so that no gap is left. Where moving fails the
        row is out all the same. `spoiled`: its slot may hold NaN, which would spoil the next row
        there, even where it is masked: 0 × NaN is NaN."""
        cache = self._network.cache
        place = self.place(row)
        if row in self.prefilling:  # no row behind it has tokens in the cache
            self.prefilling.remove(row)
            if spoiled or row.cached_tokens:  # nobody has looked at what came of these tokens
                cache.clear(place)
            return
        last = self.decoding.pop()
        if last is not row:
            self.decoding[place] = last
        if spoiled:
            cache.clear(place)
        if last is not row:
            cache.move(len(self.decoding), place, last.cached_tokens)
        if self.prefilling and self.prefilling[0].cached_tokens:
            target = len(self.decoding)
            cache.move(target + 1, target, self.prefilling[0].cached_tokens)

    def forget_all(self) -> None:
        self.decoding.clear()
        self.prefilling.clear()
