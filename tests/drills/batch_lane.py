"""`make batch-drill`: a batch whose workers and gateway are killed with -9 in the middle, beside
shoppers at half of what the replicas can do. Replicas take a fixed time. For what shoppers wait,
workers are stopped and go on by turns, so that a busy machine is as busy in both. Then the killing
begins: a process that starts again takes a processor of its own. The last line is a `RESULT`."""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
from openai import OpenAI
from openai.types import Batch

from gateway.access.key_table import create_key
from gateway.cli.embedded import free_port
from gateway.identity.scopes import BATCH, USUAL
from tests.drills.fleet import Database, Fleet, Process
from tests.drills.load import Ledger, Load
from tests.support.batches import ENDED, question, results, send
from tests.support.servers import Server, running, wait_until

# How long a replica takes for each answer, and how many at a time.
ANSWER_S, PLACES, REPLICAS = 0.25, 4, 2
# Shoppers' questions a second: half of what the replicas can do.
HALF_LOAD = REPLICAS * PLACES / ANSWER_S / 2
# Lines under way at each of two workers.
LINES_A_WORKER = 2
# A turn of the workers, and one of shoppers alone. The first second of each counts for neither.
TURN_S = 6.0
# Until so many of the lines are done; then the killing begins.
IN_TURNS = 0.45
# Lines of a dead worker are taken by the other after so long.
LEASE_S = 3.0


@dataclass
class LaneVerdict:
    lines: int
    lost: int = 0
    doubled: int = 0
    interactive_p95_ratio: float = 0.0
    p95_alone_ms: float = 0.0
    p95_beside_ms: float = 0.0
    p95_with_restarts_ms: float = 0.0
    failed: int = 0
    computed_again: int = 0
    """Lines that were under way at a kill, or longer than a lease at a worker that was stopped."""
    shoppers_errors: int = 0
    """Their questions that were at the gateway which was killed."""
    shoppers_asked: int = 0
    lines_per_s: float = 0.0
    ended: str = ""
    kills: list[str] = field(default_factory=list)

    def print(self) -> None:
        print("RESULT " + json.dumps(asdict(self)), flush=True)


@contextmanager
def lane(folder: Path) -> Iterator[tuple[Fleet, list[Process], OpenAI]]:
    """Two replicas, two gateways, two workers, MariaDB, and a shop with a key."""
    with ExitStack() as stack:
        database = Database(folder)
        stack.callback(database.close)
        urls = []
        for number in range(REPLICAS):
            port = free_port()
            command = [sys.executable, "-m", "uvicorn", "loadtest.echo_replica:app"]
            command += ["--no-access-log", "--log-level", "warning", "--port", str(port)]
            pace = {"ECHO_DELAY_S": str(ANSWER_S), "ECHO_PLACES": str(PLACES)}
            replica = running(command, folder / f"replica-{number}.log", **pace)
            stack.enter_context(replica)
            urls.append(f"http://127.0.0.1:{port}")
        made = create_key(database.engine, "shop", USUAL | {BATCH}, None)
        up = Fleet(folder, database, Server(",".join(urls), None))  # type: ignore[arg-type]
        up.environment |= {
            "FILE_DIR": str(folder / "files"),
            "IMAGE_DIR": str(folder / "images"),
            "SESSION_SECRET": "of all gateways",
            "PSEUDONYM_KEY": "of-all-gateways",
            "BATCH_LEASE_S": str(LEASE_S),
            "BATCH_CONCURRENCY": str(LINES_A_WORKER),
            "REPLICA_CONCURRENCY": str(2 * PLACES),
        }
        stack.callback(up.close)
        for _ in range(2):
            up.add_gateway()
        workers = [up.add_worker("batch") for _ in range(2)]
        for gateway in up.gateways:
            wait_until("gateway", lambda gateway=gateway: gateway.is_ready)  # type: ignore[misc]
        client = OpenAI(base_url=f"{up.gateways[1].url}/v1", api_key=made.key)
        yield up, workers, client


def drill(lines: int = 1_000) -> LaneVerdict:
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-batch-"))
        up, workers, client = stack.enter_context(lane(Path(name)))
        verdict = LaneVerdict(lines)
        sent = [question(n, f"line {n} of the catalogue") for n in range(lines)]
        with Load(up.gateways, HALF_LOAD, new_every=1) as load:
            time.sleep(2)  # connections, imports
            batch = send(client, sent)
            beside, alone = _in_turns(workers, client, batch, verdict)
            killing = time.monotonic()
            _kill(up, workers, client, batch, verdict)
            ended_at = time.monotonic()
        ledger = load.ledger
        verdict.p95_beside_ms = _p95_ms(ledger, beside)
        verdict.p95_alone_ms = _p95_ms(ledger, alone)
        verdict.p95_with_restarts_ms = _p95_ms(ledger, [(killing, ended_at)])
        verdict.interactive_p95_ratio = round(verdict.p95_beside_ms / verdict.p95_alone_ms, 2)
        verdict.shoppers_asked, verdict.shoppers_errors = len(ledger.asked), ledger.errors
        working = sum(end - begin for begin, end in beside)
        verdict.lines_per_s = round(IN_TURNS * lines / working, 1)
        batch = client.batches.retrieve(batch.id)
        verdict.ended = batch.status
        _judge_lines(verdict, client, batch, sent)
        calls = [int(httpx.get(f"{url}/calls/batch").json()) for url in up.stub.url.split(",")]
        verdict.computed_again = sum(calls) - lines
        return verdict


def _in_turns(
    workers: list[Process], client: OpenAI, batch: Batch, verdict: LaneVerdict
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """The turns of the workers, and those of shoppers alone, as begin and end (monotonic)."""
    turns: tuple[list[tuple[float, float]], ...] = ([], [])
    while _done(client, batch) < IN_TURNS * verdict.lines:
        for which, name in enumerate((signal.SIGCONT, signal.SIGSTOP)):
            for worker in workers:
                assert worker.process is not None
                worker.process.send_signal(name)
            time.sleep(1)
            begun = time.monotonic()
            time.sleep(TURN_S - 1)
            turns[which].append((begun, time.monotonic()))
    for worker in workers:
        assert worker.process is not None
        worker.process.send_signal(signal.SIGCONT)
    return turns[0], turns[1]


def _kill(
    up: Fleet, workers: list[Process], client: OpenAI, batch: Batch, verdict: LaneVerdict
) -> None:
    """A worker, a gateway, the other worker, each at a time of its own; each comes back. Returns at
    the batch's end."""
    plan = [(0.5, "worker", workers[0]), (0.65, "gateway", up.gateways[0])]
    plan.append((0.8, "worker", workers[1]))
    for share, what, victim in plan:
        done = _wait_for(client, batch, share * verdict.lines)
        victim.kill()
        victim.start()
        wait_until("it is back", lambda victim=victim: victim.is_ready)  # type: ignore[misc]
        verdict.kills.append(f"{what} at {done}")
    _wait_for(client, batch, verdict.lines)
    wait_until("its end", lambda: client.batches.retrieve(batch.id).status in ENDED)


def _p95_ms(ledger: Ledger, turns: list[tuple[float, float]]) -> float:
    within = [a for a in ledger.asked if any(begin <= a.at < end for begin, end in turns)]
    return round(Ledger(within).percentile_ms(0.95), 1)


def _wait_for(client: OpenAI, batch: Batch, lines: float) -> int:
    wait_until(f"{lines:.0f} lines", lambda: _done(client, batch) >= lines, 900)
    return _done(client, batch)


def _done(client: OpenAI, batch: Batch) -> int:
    counts = client.batches.retrieve(batch.id).request_counts
    return counts.completed + counts.failed if counts is not None else 0


def _judge_lines(
    verdict: LaneVerdict, client: OpenAI, batch: Batch, sent: list[dict[str, object]]
) -> None:
    failed = results(client, batch.error_file_id)
    told = [each["custom_id"] for each in (*results(client, batch.output_file_id), *failed)]
    verdict.failed = len(failed)
    verdict.lost = len({line["custom_id"] for line in sent} - set(told))
    verdict.doubled = sum(count - 1 for count in Counter(told).values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000)
    args = parser.parse_args()
    verdict = drill(args.lines)
    verdict.print()
    exact = verdict.lost == verdict.doubled == verdict.failed == 0
    return 0 if exact and verdict.ended == "completed" else 1


if __name__ == "__main__":
    sys.exit(main())
