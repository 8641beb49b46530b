"""`make bench-gateway`: gateways with production settings against the floor (floor.py) and against
nginx's own cache. All get the same requests, in interleaved rounds of one run. The last line is
`RESULT {json}`."""

import argparse
import asyncio
import itertools
import json
import random
import time
from contextlib import ExitStack
from statistics import median

import httpx

from contract.images import EncodedImage, check_image
from gateway.serving import GIVE_BACK_S
from loadtest.bench.misses import misses
from loadtest.bench.servers import FLOORS, Servers, replica_calls, start, upload_photo
from loadtest.closed_loop import (
    PATH,
    LoadFigures,
    ask_photo_request,
    ask_request,
    body_of,
    cpu_s,
    peak_mb,
    photo,
    proportional_mb,
    run_closed_loop,
)
from loadtest.many_answers import fill, random_requests

# Bytes of a phone photo: as the page shrinks it, and as an app might send it.
SIZES = {"200 KB": 200_000, "1.5 MB": 1_500_000}
QUESTION = "这是真皮吗?"


async def hits(
    servers: Servers, seconds: float, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Of a cached answer, under `way size concurrency`: requests/s as multiples of the floor's, and
    CPU time as a share of the floor's. Each is the median of the rounds' ratios."""
    ratios: dict[str, float] = {}
    cpu: dict[str, float] = {}
    print(
        "Hits: requests/s as multiples of the floor's; p50 and p99 of ours, in ms; and the CPU time"
    )
    print("of a server's process for each, in us, which other work disturbs less than the rates.")
    print("   photo at once  floor/s   nginx    ours   by id  p50, p99    CPU: floor, ours, by id")
    for size_name, size in SIZES.items():
        data = photo(size, 1)
        sent = ask_photo_request(data, QUESTION)
        upload, cookie = upload_photo(servers.url("ours"), data)
        ways = {
            "floor": ("floor", sent),
            "nginx": ("nginx", sent),
            "ours": ("ours", sent),
            "by id": ("ours", ask_request(upload, QUESTION, cookie)),
        }
        for concurrent in (1, 16, 64):
            seen: list[dict[str, LoadFigures]] = []
            used_us: dict[str, list[float]] = {way: [] for way in ways if way != "nginx"}
            for name, request in ways.values():
                await run_closed_loop(servers.ports[name], 1, 0.3, itertools.repeat(request))
            for _ in range(rounds):
                seen.append({})
                for way, (name, request) in ways.items():
                    asked = itertools.repeat(request)
                    before = cpu_s(servers.running[name]) if way in used_us else 0
                    figures = await run_closed_loop(servers.ports[name], concurrent, seconds, asked)
                    assert not figures.errors, way
                    seen[-1][way] = figures
                    if way in used_us:
                        used_s = cpu_s(servers.running[name]) - before
                        used_us[way].append(used_s / len(figures.times_ms) * 1e6)
            row = {way: median(f[way].per_s / f["floor"].per_s for f in seen) for way in ways}
            ratios |= {f"{way} {size_name} {concurrent}": ratio for way, ratio in row.items()}
            for way, used in used_us.items():
                pairs = zip(used, used_us["floor"], strict=True)
                cpu[f"{way} {size_name} {concurrent}"] = median(a / b for a, b in pairs)
            floor, ours = seen[-1]["floor"], seen[-1]["ours"]
            print(
                f"{size_name:>8} {concurrent:>7} {floor.per_s:8.0f}"
                + "".join(f" {row[way]:6.2f}×" for way in ("nginx", "ours", "by id"))
                + f"  {ours.percentile(0.5):.1f}, {ours.percentile(0.99):.1f}".ljust(24)
                + ", ".join(f"{median(us):.0f}" for us in used_us.values()),
                flush=True,
            )
    return ratios, cpu


def stampede(servers: Servers) -> int:
    """The replica's calls for 50 equal new questions, sent to two gateways at once."""
    before = replica_calls(servers)
    body = body_of(ask_photo_request(photo(SIZES["200 KB"], 3), f"{QUESTION} {time.time()}"))

    async def ask_all() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            headers = {"content-type": "application/json"}
            urls = itertools.cycle([servers.url("ours") + PATH, servers.url("second") + PATH])
            asked = (client.post(next(urls), content=body, headers=headers) for _ in range(50))
            for answer in await asyncio.gather(*asked):
                answer.raise_for_status()

    asyncio.run(ask_all())
    return replica_calls(servers) - before


def growth(servers: Servers, counts: list[int], seconds: float) -> None:
    """Hits while the cache grows: each request draws one of all stored answers."""
    data = photo(SIZES["200 KB"], 4)
    upload, cookie = upload_photo(servers.url("ours"), data)
    image = check_image(EncodedImage(data)).facts.digest
    redis_url = f"redis://127.0.0.1:{servers.ports['redis']}"
    stored = 0
    for count in counts:
        asyncio.run(fill(redis_url, image, stored, count))
        stored = count
        asked = random_requests(count, upload, cookie)
        calls = replica_calls(servers)
        figures = asyncio.run(run_closed_loop(servers.ports["ours"], 16, seconds, asked))
        assert not figures.errors
        assert replica_calls(servers) == calls, "these were no hits"
        print(
            f"{count:>9,} answers: {figures.per_s:5.0f} hits/s by id,"
            f" p50 {figures.percentile(0.5):.1f} p99 {figures.percentile(0.99):.1f} ms",
            flush=True,
        )


def kept_mb(servers: Servers) -> float:
    """Memory of a gateway with its forwarder once what is free went back, as it does each second.
    Until then it depends on when the last body of 1.5 MB came."""
    time.sleep(2 * GIVE_BACK_S)
    return proportional_mb(servers.gateway)


def bench(seconds: float, rounds: int, counts: list[int]) -> dict[str, float]:
    with ExitStack() as stack:
        servers = start(stack)
        memory = {"started": kept_mb(servers)}
        ratios, cpu = asyncio.run(hits(servers, seconds, rounds))
        memory["after hits"] = kept_mb(servers)
        data = photo(SIZES["200 KB"], 2)
        unasked = [ask_photo_request(data, f"{random.random()}?") for _ in range(3000)]
        two = {name: servers.ports[name] for name in ("floor", "ours")}
        known = asyncio.run(misses(two, "photo seen before", unasked, seconds, rounds))
        del unasked
        photos = (photo(SIZES["200 KB"], seed) for seed in range(10, 1010))
        unseen = [ask_photo_request(each, QUESTION) for each in photos]
        all_floors = {name: servers.ports[name] for name in (*FLOORS, "ours")}
        what = "photo never seen"
        first = asyncio.run(misses(all_floors, what, unseen, min(seconds, 2), rounds))
        del unseen
        memory["after misses"] = kept_mb(servers)
        calls = stampede(servers)
        growth(servers, counts, seconds)
        memory["at the end"] = kept_mb(servers)
        peak = peak_mb(servers.gateway)
        shown = ", ".join(f"{when} {mb:.0f}" for when, mb in memory.items())
        print(
            f"Memory that a gateway keeps, MB: {shown}; under way its process had up to {peak:.0f}"
        )
        return {
            "hit_vs_floor": round(ratios["ours 200 KB 16"], 2),
            "hit_by_id_vs_floor": round(ratios["by id 200 KB 16"], 2),
            "nginx_vs_floor": round(ratios["nginx 200 KB 16"], 2),
            "hit_cpu_vs_floor": round(cpu["ours 200 KB 16"], 2),
            "by_id_cpu_vs_floor": round(cpu["by id 200 KB 16"], 2),
            "miss_over_floor_p50_ms": round(known["floor"].added_p50_ms, 2),
            "miss_over_floor_p99_ms": round(known["floor"].added_p99_ms, 2),
            "first_seen_over_floor_p50_ratio": round(first["floor"].p50_ratio, 2),
            "first_seen_over_decoding_floor_p50_ratio": round(first["decoding floor"].p50_ratio, 2),
            "first_seen_over_looking_floor_p50_ratio": round(first["looking floor"].p50_ratio, 2),
            "stampede_calls": calls,
            "rss_mb": round(max(memory.values()), 1),
            "peak_mb": round(peak),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    # Short rounds: what else the machine does disturbs all of one round alike.
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument(
        "--answers", type=int, nargs="*", default=[10**3, 10**4, 10**5, 10**6], help="to grow to"
    )
    args = parser.parse_args()
    print("RESULT " + json.dumps(bench(args.seconds, args.rounds, args.answers)))


if __name__ == "__main__":
    main()
