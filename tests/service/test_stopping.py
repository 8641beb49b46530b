"""A gateway that was told to stop ends before whoever told it kills it, whatever hangs."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from contract.process import traces
from contract.process.traces import Traces
from gateway.access.registry import Registry
from gateway.cache.shared import SharedAnswers
from gateway.composition import running_gateway
from gateway.config import Settings
from gateway.feedback.tally import Tally
from gateway.limits.running import RunningLimits
from gateway.log.outbox import recorder
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.recorder import Recorder
from gateway.log.outbox.spool import Durability
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.rollups.upkeep import Upkeep
from tests.support.migrating import migrate

MEET_S = 20
MAIN = """
import asyncio, time
from gateway import serving
from gateway.__main__ import main

async def serve(settings, forwarder):
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3_600)

serving.serve = serve
main(forwarder_apart=False)
"""


def embedded(url: str, folder: Path) -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_url=url,
        spool_dir=folder / "spool",
        image_dir=folder / "images",
        file_dir=folder / "files",
        report_dir=folder / "reports",
        photo_checks="",
        image_helpers=1,
    )


async def test_what_may_hang_in_the_end_is_waited_for_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, their times were a sum."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    together = threading.Barrier(5)

    def meets(part: type, name: str) -> None:
        real = getattr(part, name)

        async def later(self: Any) -> None:
            await asyncio.to_thread(together.wait, MEET_S)
            await real(self)

        def in_thread(self: Any, *patience_s: float) -> None:
            together.wait(MEET_S)
            real(self, *patience_s)

        is_async = asyncio.iscoroutinefunction(real)
        monkeypatch.setattr(part, name, later if is_async else in_thread)

    for part in (Tally, Registry, Upkeep):
        meets(part, "stop")
    for part in (RunningLimits, Recorder):
        meets(part, "close")
    async with running_gateway(embedded(url, tmp_path), CollectorRegistry()):
        pass
    assert not together.broken


async def test_a_part_that_fails_in_the_end_keeps_no_other_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    close, closed = SharedAnswers.close, asyncio.Event()

    async def fails(_: RunningLimits) -> None:
        raise RuntimeError

    async def seen(self: SharedAnswers) -> None:
        await close(self)
        closed.set()

    monkeypatch.setattr(RunningLimits, "close", fails)
    monkeypatch.setattr(SharedAnswers, "close", seen)
    async with running_gateway(embedded(url, tmp_path), CollectorRegistry()):
        pass
    assert closed.is_set()


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_a_spool_whose_disk_hangs_holds_up_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durability: Durability
) -> None:
    monkeypatch.setattr(recorder, "STOP_S", 0.1)
    spool = SpoolFolder(tmp_path / "spool", durability).create_spool()
    comes_back = threading.Event()
    monkeypatch.setattr(spool, "append", lambda *_, **__: comes_back.wait(MEET_S))
    others: Any = SimpleNamespace(stop=lambda drain_s: None, close=lambda: None)
    metrics = OutboxMetrics(CollectorRegistry())
    closing = Recorder(spool, others, others, metrics, others, drain_s=5)
    waits = closing._group_commit.commit("event")
    try:
        async with asyncio.timeout(MEET_S / 2):
            await closing.close()
        assert not waits.done()
    finally:
        comes_back.set()


def test_a_thread_that_hangs_holds_up_no_end() -> None:
    """Such as one that waits for a database's reply: Python would wait for it."""
    ended = subprocess.run([sys.executable, "-c", MAIN], timeout=60, check=False)
    assert ended.returncode == 0


def test_a_collector_that_takes_nothing_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "EXPORT_TIMEOUT_S", 0.01)
    taken = threading.Event()
    sent = Traces("http://127.0.0.1:9/v1/traces", 1.0, "gateway")
    provider = sent._provider
    sent._provider = SimpleNamespace(shutdown=taken.wait)  # type: ignore[assignment]
    closing = threading.Thread(target=sent.close, daemon=True)
    closing.start()
    closing.join(20)
    assert not closing.is_alive()
    taken.set()
    provider.shutdown()
