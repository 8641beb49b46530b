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
        before = list(self)
        _insert(row, self.prefilling)
        self._settle(before)
        network = self._network
        known = network.prefixes.load(row.job.prompt, network.cache, self.place(row))
        row.cached_tokens = row.known_tokens = known
        row.has_begun = True
        return known

    def next_prefill(self, most_tokens: int) -> tuple[list[Sequence], int]:
        """The rows of the next pass over prompts, and how many tokens each adds at most: several
        short prompts together, or a part of a long one. `most_tokens`, filling included, bounds
        how long the pass delays the answers in decode. Prompts of the lane are in none but their
        own passes, when shoppers have none to be read."""
        rows: list[Sequence] = []
        width = longest = 0
        for row in self.prefilling:
            wider = max(width, row.uncached_tokens)
            longer = max(longest, row.cached_tokens)
            # Rows are filled up to the same width, and no row may outgrow its slot by that.
            fits = longer + wider <= self._network.cache.capacity
            if rows and (wider * (len(rows) + 1) > most_tokens or not fits):
                break
            if rows and row.in_lane != rows[0].in_lane:
                break
            rows.append(row)
            width, longest = wider, longer
        return rows, min(width, most_tokens)

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
                swapped.append((target, cache.read(source, length)))
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
