"""`make loadtest`: runs the shoppers of locustfile.py against a stack. Prints requests a second,
percentiles and hit rate; the last line is `RESULT {json}`."""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gateway.cli.embedded import embedded_stack
from tests.support.limits import ROOMY

HERE = Path(__file__).parent


def percentile(histogram: dict[str, int], share: float) -> float:
    """The time in ms that `share` of the requests did not exceed. `histogram`: ms → requests."""
    remaining = share * sum(histogram.values())
    for ms, count in sorted((float(ms), count) for ms, count in histogram.items()):
        remaining -= count
        if remaining <= 0:
            return ms
    return 0.0


def load(url: str, users: int, seconds: int) -> list[dict[str, Any]]:
    """Run locust. Returns its statistics, one entry for each value of x-cache."""
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--headless"]
    command += ["--host", url, "-u", str(users), "-r", str(users), "-t", f"{seconds}s"]
    command += ["--json", "--exit-code-on-error", "0"]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise SystemExit(done.stderr)
    statistics: list[dict[str, Any]] = json.loads(done.stdout)
    return statistics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a running stack; without it the embedded one is started")
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=30)
    args = parser.parse_args()
    with ExitStack() as stack:
        url = args.url
        if url is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-load-"))
            url = stack.enter_context(embedded_stack(Path(folder), **ROOMY)).url
        print(f"{args.users} shoppers for {args.seconds} s at {url} …", flush=True)
        entries = load(url, args.users, args.seconds)
    total = sum(entry["num_requests"] for entry in entries)
    failed = sum(entry["num_failures"] for entry in entries)
    all_times: dict[str, int] = {}
    print(f"{'':>8} {'requests':>9} {'p50':>8} {'p95':>8} {'p99':>8}  ms")
    for entry in sorted(entries, key=lambda entry: str(entry["name"])):
        times = entry["response_times"]
        for ms, count in times.items():
            all_times[ms] = all_times.get(ms, 0) + count
        marks = " ".join(f"{percentile(times, share):8.0f}" for share in (0.5, 0.95, 0.99))
        print(f"{entry['name']:>8} {entry['num_requests']:>9} {marks}")
    hits = sum(entry["num_requests"] for entry in entries if entry["name"] == "hit")
    figures = {
        "requests_per_s": round(total / args.seconds, 1),
        "p50_ms": percentile(all_times, 0.5),
        "p95_ms": percentile(all_times, 0.95),
        "p99_ms": percentile(all_times, 0.99),
        "hit_rate": round(hits / total, 3) if total else 0.0,
        "error_rate": round(failed / total, 4) if total else 1.0,
    }
    print("RESULT " + json.dumps(figures))


if __name__ == "__main__":
    main()
