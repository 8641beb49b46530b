"""`make batch-drill`: a batch whose workers and gateway are killed with -9 in the middle, beside
shoppers at half of what the replicas can do. Replicas take a fixed time. What shoppers wait is told
without the seconds in which a killed process starts again, which takes a processor of its own, and
with them. The last line is `RESULT {json}`."""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from openai import OpenAI
from openai.types import Batch
from sqlalchemy import func, select

from gateway.access.key_table import create_key
from gateway.cli.embedded import free_port
from gateway.identity.scopes import BATCH, USUAL
from gateway.log.schema.tables import interactions
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
ALONE_S = 20.0
# Lines of a dead worker are taken by the other after so long.
LEASE_S = 3.0
# After a process is back: until its first questions have been asked.
SETTLED_S = 2.0


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
    """Lines that were under way at a kill."""
    shoppers_errors: int = 0
    """Their questions that were at the gateway which was killed."""
    shoppers_asked: int = 0
    lines_per_s: float = 0.0
    ended: str = ""
    kills: list[str] = field(default_factory=list)
    restarts: list[tuple[float, float]] = field(default_factory=list)

    def print(self) -> None:
        figures = asdict(self)
        figures["restarts"] = [round(end - begin, 1) for begin, end in self.restarts]
        print("RESULT " + json.dumps(figures), flush=True)


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


def drill(lines: int = 1_000, alone_s: float = ALONE_S) -> LaneVerdict:
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-batch-"))
        up, workers, client = stack.enter_context(lane(Path(name)))
        verdict = LaneVerdict(lines)
        with Load(up.gateways, HALF_LOAD, new_every=1) as load:
            time.sleep(2)  # connections, imports
            begun = time.monotonic()
            time.sleep(alone_s)
            sent = [question(n, f"line {n} of the catalogue") for n in range(lines)]
            batch = send(client, sent)
            first = time.monotonic()
            _kill_in_the_middle(up, workers, client, batch, verdict)
            last = time.monotonic()
            time.sleep(alone_s)
            ended_at = time.monotonic()
        _judge_shoppers(verdict, load.ledger, begun, first, last, ended_at)
        verdict.lines_per_s = round(lines / (last - first), 1)
        batch = client.batches.retrieve(batch.id)
        verdict.ended = batch.status
        _judge_lines(verdict, client, batch, sent)
        up.drained_after()
        with up.database.engine.connect() as connection:
            answered = interactions.c.outcome == "answered"
            asked = select(func.count()).where(interactions.c.kind == "batch line", answered)
            verdict.computed_again = (connection.scalar(asked) or 0) - lines
        return verdict


def _kill_in_the_middle(
    up: Fleet, workers: list[Process], client: OpenAI, batch: Batch, verdict: LaneVerdict
) -> None:
    """A worker at a quarter of the lines, a gateway at the half, the other worker at three. Each
    comes back. Returns at the batch's end."""
    plan = [(0.25, "worker", workers[0]), (0.5, "gateway", up.gateways[0])]
    plan.append((0.75, "worker", workers[1]))
    for share, what, victim in plan:
        done = _wait_for(client, batch, share * verdict.lines)
        killed_at = time.monotonic()
        victim.kill()
        victim.start()
        wait_until("it is back", lambda victim=victim: victim.is_ready)  # type: ignore[misc]
        time.sleep(SETTLED_S)
        verdict.restarts.append((killed_at, time.monotonic()))
        verdict.kills.append(f"{what} at {done}")
    _wait_for(client, batch, verdict.lines)
    wait_until("its end", lambda: client.batches.retrieve(batch.id).status in ENDED)


def _wait_for(client: OpenAI, batch: Batch, lines: float) -> int:
    def done() -> int:
        counts = client.batches.retrieve(batch.id).request_counts
        return counts.completed + counts.failed if counts is not None else 0

    wait_until(f"{lines:.0f} lines", lambda: done() >= lines, 600)
    return done()


def _judge_lines(
    verdict: LaneVerdict, client: OpenAI, batch: Batch, sent: list[dict[str, object]]
) -> None:
    failed = results(client, batch.error_file_id)
    told = [each["custom_id"] for each in (*results(client, batch.output_file_id), *failed)]
    verdict.failed = len(failed)
    verdict.lost = len({line["custom_id"] for line in sent} - set(told))
    verdict.doubled = sum(count - 1 for count in Counter(told).values())


def _judge_shoppers(
    verdict: LaneVerdict, ledger: Ledger, begun: float, first: float, last: float, end: float
) -> None:
    """Alone: before and after the batch, in one distribution."""
    alone = Ledger([a for a in ledger.asked if begun <= a.at < first - 1 or last + 1 <= a.at < end])
    verdict.p95_alone_ms = round(alone.percentile_ms(0.95), 1)
    beside = Ledger([a for a in ledger.asked if first <= a.at < last])
    verdict.p95_with_restarts_ms = round(beside.percentile_ms(0.95), 1)
    undisturbed = [
        asked
        for asked in beside.asked
        if not any(begin - 1 <= asked.at < end for begin, end in verdict.restarts)
    ]
    verdict.p95_beside_ms = round(Ledger(undisturbed).percentile_ms(0.95), 1)
    verdict.interactive_p95_ratio = round(verdict.p95_beside_ms / verdict.p95_alone_ms, 2)
    verdict.shoppers_asked = len(ledger.asked)
    verdict.shoppers_errors = ledger.errors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000)
    parser.add_argument("--alone-s", type=float, default=ALONE_S)
    args = parser.parse_args()
    verdict = drill(args.lines, args.alone_s)
    verdict.print()
    exact = verdict.lost == verdict.doubled == verdict.failed == 0
    return 0 if exact and verdict.ended == "completed" else 1


if __name__ == "__main__":
    sys.exit(main())
