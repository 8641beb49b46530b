"""What a question costs each part of an installation, and which part is full first. Costs of parts
were measured on two cores or are arithmetic: `how` says which, `source` where."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Mix:
    """What is asked. `hits` is the share that the answer cache knows."""

    hits: float
    second: float = 0.3
    """Of the others: about a photo that was asked about just now. The rest bring a new photo."""

    @property
    def misses(self) -> float:
        return 1 - self.hits

    @property
    def new_photos(self) -> float:
        return self.misses * (1 - self.second)


@dataclass(frozen=True)
class Part:
    """Something that a question uses: a hit so much of it, a miss and a new photo so much more."""

    name: str
    unit: str
    capacity: float
    """Units a second, of one machine, or of the only one there is."""
    on_each: bool
    """Each machine has one. Otherwise there is one of it, however many machines there are."""
    of_any: float
    of_miss: float
    of_new_photo: float
    how: str
    source: str

    def used(self, mix: Mix) -> float:
        """Units that a question takes on average."""
        return self.of_any + mix.misses * self.of_miss + mix.new_photos * self.of_new_photo

    def most_per_s(self, mix: Mix, machines: int) -> float:
        """Questions a second that fill it."""
        used = self.used(mix)
        total = self.capacity * (machines if self.on_each else 1)
        return total / used if used else float("inf")


def parts(replica_per_s: float, cores: int) -> list[Part]:
    """Of machines with one card and so many cores, beside one Redis and one MySQL."""
    return [
        Part("GPUs", "questions", replica_per_s, True, 0, 1, 0,
             "simulation of arithmetic", "steps.py"),
        # 5.1 ms and 111 ms are whole machines' time, load generator and stub included: bounds.
        Part("cores", "core seconds", cores, True, 1.84e-3, 5.1e-3, 0.111,
             "measured", "decision 14, make bench-gateway"),
        Part("network", "bytes", 1.25e9, True, 2e5, 0, 0,
             "arithmetic", "200 KB a question, 10 Gbit/s"),
        Part("Redis", "commands", 13_700, False, 1, 12, 0,
             "measured", "redis-benchmark"),
        Part("MySQL", "rows", 9_047, False, 1, 0, 0,
             "measured", "decision 20, make bench-log"),
    ]  # fmt: skip


@dataclass(frozen=True)
class Full:
    """An installation at the load that fills its first part."""

    machines: int
    mix: Mix
    per_s: float
    first: str
    next: str
    next_used: float
    """Share of the next part's capacity that is used by then."""


def per_1000(parts: Sequence[Part], mix: Mix, machine_hour: float, used: float) -> float:
    """What a thousand questions cost, where machines are so full on average, and there are as many
    as their fullest part needs. Redis, MySQL and what leaves the data centre come on top."""
    machine_s = max(1 / part.most_per_s(mix, 1) for part in parts if part.on_each)
    return 1000 * machine_s * machine_hour / (3600 * used)


def full(parts: Sequence[Part], mix: Mix, machines: int) -> Full:
    bounds = sorted((part.most_per_s(mix, machines), part.name) for part in parts)
    (per_s, first), (later, second) = bounds[:2]
    return Full(machines, mix, per_s, first, second, per_s / later)
