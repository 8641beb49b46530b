"""Misses of a gateway against those of floors, in interleaved rounds."""

from dataclasses import dataclass
from statistics import median

from loadtest.closed_loop import run_closed_loop

AT_ONCE = 16


@dataclass(frozen=True)
class Misses:
    """Ours against one floor's, medians of the rounds."""

    added_p50_ms: float
    added_p99_ms: float
    p50_ratio: float


async def misses(
    ports: dict[str, int], what: str, requests: list[bytes], seconds: float, rounds: int
) -> dict[str, Misses]:
    """Ours against each other server of `ports`, by its name. Each round has requests of its own,
    and no server gets one twice."""
    seen: dict[str, list[Misses]] = {name: [] for name in ports if name != "ours"}
    share = len(requests) // rounds
    for number in range(rounds):
        of_round = requests[number * share : (number + 1) * share]
        figures = {
            name: await run_closed_loop(port, AT_ONCE, seconds, iter(of_round))
            for name, port in ports.items()
        }
        assert not any(f.errors for f in figures.values())
        p50, p99 = (
            {name: f.percentile(percent) for name, f in figures.items()} for percent in (0.5, 0.99)
        )
        shown = ", ".join(
            f"{name} p50 {p50[name]:.1f} p99 {p99[name]:.1f} ({f.per_s:.0f}/s)"
            for name, f in figures.items()
        )
        print(f"Misses, {what}, {AT_ONCE} at once: {shown}", flush=True)
        for name, of_floor in seen.items():
            added = p50["ours"] - p50[name], p99["ours"] - p99[name]
            of_floor.append(Misses(*added, p50["ours"] / p50[name]))
    return {
        name: Misses(
            median(each.added_p50_ms for each in rows),
            median(each.added_p99_ms for each in rows),
            median(each.p50_ratio for each in rows),
        )
        for name, rows in seen.items()
    }
