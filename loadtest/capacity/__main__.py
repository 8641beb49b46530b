"""`make capacity`: the tables of docs/capacity.md, and a last line `RESULT {json}`. The same seed
gives the same tables."""

import argparse
import json
from collections.abc import Iterator
from math import ceil

from loadtest.capacity.replica import Questions, most_per_s, simulate
from loadtest.capacity.site import Full, Mix, full, parts, per_1000
from loadtest.capacity.steps import PRECISIONS

FIRST_TOKEN_S = 0.6
CORES = 16
# Dollars, a machine with an A10 on demand and 16 cores. It is no measurement: put yours in.
MACHINE_HOUR = 1.60
# Shops sleep at night: what is bought for the busiest hour is used so much on average.
USED = 0.35
# Of a cell, in its busiest hour: the rest is for machines that fail and days that nobody foresaw.
FILLED = 2 / 3
MACHINES = (1, 10, 100)
HITS = (0.0, 0.5, 0.75, 0.9, 0.95, 0.99)


def replica_rows(most: dict[str, float], seed: int) -> Iterator[str]:
    yield "| weights | slots | questions a second | first token p95 | answer p50 | p95 |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, steps in PRECISIONS.items():
        run = simulate(steps, most[name], seed=seed)
        first = run.percentile(run.first_token_s, 0.95)
        middle, slow = (run.percentile(run.answer_s, share) for share in (0.5, 0.95))
        yield (
            f"| {name} | {steps.slots} | {most[name]:.1f} | {first:.2f} s "
            f"| {middle:.1f} s | {slow:.1f} s |"
        )


def part_rows(replica_per_s: float, cores: int) -> Iterator[str]:
    yield "| part | has, a second | any question | a miss, besides | a new photo, besides | how |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for part in parts(replica_per_s, cores):
        has = f"{part.capacity:,.6g} {part.unit}" + (" a machine" if part.on_each else "")
        costs = (part.of_any, part.of_miss, part.of_new_photo)
        told = " | ".join(f"{cost:,.6g}" if cost else "" for cost in costs)
        yield f"| {part.name} | {has} | {told} | {part.how}: {part.source} |"


def site_rows(fulls: list[Full]) -> Iterator[str]:
    yield "| machines | hits | questions a second | full first | next, how full by then |"
    yield "| --- | --- | --- | --- | --- |"
    for each in fulls:
        yield (
            f"| {each.machines} | {each.mix.hits:.0%} | {each.per_s:,.0f} | {each.first} "
            f"| {each.next}, {each.next_used:.0%} |"
        )


def cost_rows(most: dict[str, float], cores: int, machine_hour: float) -> Iterator[str]:
    yield "| hits | " + " | ".join(most) + " |"
    yield "| --- |" + " --- |" * len(most)
    for hits in HITS:
        costs = (
            per_1000(parts(rate, cores), Mix(hits), machine_hour, USED) for rate in most.values()
        )
        yield f"| {hits:.0%} | " + " | ".join(f"${cost:.3f}" for cost in costs) + " |"


def cell_rows(cell: Full) -> Iterator[str]:
    yield f"| questions a second, hits {cell.mix.hits:.0%} | cells of {cell.machines} machines |"
    yield "| --- | --- |"
    for wanted in (10_000, 100_000, 1_000_000):
        yield f"| {wanted:,} | {ceil(wanted / (FILLED * cell.per_s))} |"


def report(
    weights: str, seed: int, machine_hour: float, cores: int
) -> tuple[list[str], dict[str, float]]:
    """The lines of the tables, and the figures."""
    shape = Questions()
    most = {name: most_per_s(steps, FIRST_TOKEN_S, seed=seed, shape=shape)
            for name, steps in PRECISIONS.items()}  # fmt: skip
    around = parts(most[weights], cores)
    fulls = [full(around, Mix(hits, shape.second), n) for n in MACHINES for hits in HITS]
    cell = full(around, Mix(0.9, shape.second), MACHINES[-1])
    lines = [*replica_rows(most, seed), "", *part_rows(most[weights], cores), "",
             *site_rows(fulls), "", *cell_rows(cell), "",
             *cost_rows(most, cores, machine_hour)]  # fmt: skip
    figures = {f"{name}_per_s": round(rate, 2) for name, rate in most.items()}
    figures |= {
        f"per_s_{each.machines}_machines_{each.mix.hits:.0%}_hits": round(each.per_s, 1)
        for each in fulls
    }
    return lines, figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", choices=PRECISIONS, default="int4")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--machine-hour", type=float, default=MACHINE_HOUR)
    parser.add_argument("--cores", type=int, default=CORES)
    given = parser.parse_args()
    lines, figures = report(given.weights, given.seed, given.machine_hour, given.cores)
    print("\n".join(lines), flush=True)
    print("RESULT " + json.dumps(figures))


if __name__ == "__main__":
    main()
