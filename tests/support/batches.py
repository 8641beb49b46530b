"""Shops with keys for the batch lane, their files, and workers of a test."""

import asyncio
import json
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from openai import OpenAI
from openai.types import Batch
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, insert

from gateway.access.key_table import create_key
from gateway.batch.lane import BatchLane
from gateway.batch.lines import LineQueue
from gateway.batch.retention import Retention
from gateway.composition import running_gateway
from gateway.config import Settings
from gateway.identity.pseudonyms import Pseudonyms
from gateway.identity.scopes import BATCH, USUAL
from gateway.log.schema.batch_tables import batches
from gateway.log.schema.database import open_database
from tests.support.asking import chat
from tests.support.limits import ROOMY
from tests.support.migrating import migrate
from tests.support.servers import PATIENT_MS, wait_until

CHAT = "/v1/chat/completions"
# Of a batch that a test puts into the tables itself.
KEY = uuid.UUID(int=7)
ENDED = ("completed", "failed", "expired", "cancelled")
# Fast enough for tests: a worker looks again at once, and a dead one's lines are free soon.
QUICK = {"batch_poll_s": 0.05, "batch_lease_s": 2.0}


def new_key(database_url: str, tenant: str, *scopes: str) -> str:
    """A key of a tenant, with the usual scopes and `batch` where none are given."""
    migrate(database_url)
    engine = open_database(Settings(_env_file=None, database_url=database_url))  # type: ignore[call-arg]
    made = create_key(engine, tenant, frozenset(scopes) or USUAL | {BATCH}, None)
    engine.dispose()
    return made.key


def shop(url: str, key: str) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def question(number: int, text: str, **fields: Any) -> dict[str, Any]:
    """A line."""
    return {
        "custom_id": f"q{number}",
        "method": "POST",
        "url": CHAT,
        "body": {**chat(text), **fields},
    }


def fill(engine: Engine, lines: int, **changes: Any) -> None:
    """A batch in progress, as its check leaves it."""
    now = datetime.now(UTC)
    key: uuid.UUID = changes.get("batch_id", KEY)
    row = {
        "batch_id": key,
        "tenant": "acme",
        "key_id": "k",
        "endpoint": "/v1/chat/completions",
        "status": "in_progress",
        "input_file_id": key,
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
        "total": lines,
        "completed": 0,
        "failed": 0,
        "output_ttl_s": 60,
        "fence": 0,
        "leased_until": now,
        **changes,
    }
    with engine.begin() as connection:
        connection.execute(insert(batches), row)
    if not lines:
        return
    rows = [
        {"place": n, "number": n + 1, "custom_id": f"q{n}", "position": n * 10, "length": 10}
        for n in range(lines)
    ]
    LineQueue(engine, 1).put(key, row["fence"], [{**each, "user_pseudonym": None} for each in rows])


def jsonl(lines: Iterable[Any]) -> bytes:
    return b"".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines
    )


def line_to(endpoint: str, number: int, **body: Any) -> dict[str, Any]:
    return {"custom_id": f"q{number}", "method": "POST", "url": endpoint, "body": body}


def send(client: OpenAI, lines: Iterable[Any], endpoint: str = CHAT, **options: Any) -> Batch:
    """Upload the lines and make a batch of them."""
    file = client.files.create(file=("lines.jsonl", jsonl(lines)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id,
        endpoint=endpoint,  # type: ignore[arg-type]  # ours beside OpenAI's
        completion_window="24h",
        **options,
    )


def ended(client: OpenAI, batch: Batch, timeout_s: float = 30) -> Batch:
    found = batch

    def is_over() -> bool:
        nonlocal found
        found = client.batches.retrieve(batch.id)
        return found.status in ENDED

    wait_until("the batch's end", is_over, timeout_s)
    return found


def results(client: OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    if file_id is None:
        return []
    return [json.loads(line) for line in client.files.content(file_id).text.splitlines()]


def settings_of(folder: Path, database_url: str, replicas: str, **more: Any) -> dict[str, Any]:
    """Of gateways and workers that share a database and a folder."""
    return {
        "replicas": replicas,
        "database_url": database_url,
        "file_dir": folder / "files",
        "image_dir": folder / "images",
        "session_secret": "s",
        "pseudonym_key": "p",
        **QUICK,
        **more,
    }


class Worker:
    """A worker in a thread of the test, with an event loop of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._started, self._loop = threading.Event(), asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self.registry = CollectorRegistry()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(30)

    def _run(self) -> None:
        async def work() -> None:
            async with running_gateway(self._settings, self.registry, batches=True) as self.parts:
                self._started.set()
                await self._stop.wait()

        self._loop.run_until_complete(work())

    def sweep(self) -> None:
        """What it does every ten minutes."""
        engine = open_database(self._settings)
        accounts = self.parts.limits._accounts
        lane = BatchLane.open(self._settings, engine, accounts, 0.0, Pseudonyms("p"))
        Retention(engine, lane.files, self._settings.batch_window_s).sweep()
        engine.dispose()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def worker(folder: Path, **settings: Any) -> Iterator[Worker]:
    known = {
        "spool_dir": folder / "spool",
        "web_dir": None,
        "probe_interval_s": 0.1,
        "cache_budget_ms": PATIENT_MS,
        **{name.lower(): value for name, value in ROOMY.items()},
        "photo_checks": (),
        "image_helpers": 1,
        **settings,
    }
    made = Worker(Settings(_env_file=None, **known))
    try:
        yield made
    finally:
        made.close()
