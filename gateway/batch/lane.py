"""The parts of the batch lane, made together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from gateway.batch.batches import Batches
from gateway.batch.erasure import BatchErasure
from gateway.batch.files import Files
from gateway.batch.jobs import BatchJobs
from gateway.batch.lines import LineQueue
from gateway.batch.metrics import BatchMetrics
from gateway.batch.retention import Retention
from gateway.batch.settings import BatchSettings
from gateway.batch.worker import AskLine, BatchWorker, RefuseLine
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.quota import Quota
from gateway.limits.accounts import Accounts


@dataclass(frozen=True)
class BatchLane:
    files: Files
    batches: Batches
    _settings: BatchSettings
    _pseudonyms: Pseudonyms

    @classmethod
    def open(
        cls,
        settings: BatchSettings,
        engine: Engine,
        accounts: Accounts,
        disk_is_full: Callable[[int, int], bool],
        pseudonyms: Pseudonyms,
    ) -> Self:
        """`disk_is_full`: by the bytes of a disk, all and free ones."""
        disk = Quota(accounts, settings.file_dir, disk_is_full)
        files = Files(settings, engine, accounts, disk)
        return cls(files, Batches(engine, settings.batch_window_s), settings, pseudonyms)

    def erasure(self, engine: Engine) -> BatchErasure:
        """`engine`: with more patience than a request's, as below."""
        return BatchErasure(engine, self._settings.file_dir, self._pseudonyms)

    def worker(
        self,
        engine: Engine,
        ask: AskLine,
        refuse: RefuseLine,
        may_ask: Callable[[], bool],
        registry: CollectorRegistry,
    ) -> BatchWorker:
        settings = self._settings
        queue = LineQueue(engine, settings.batch_lease_s)
        lease_s = settings.batch_lease_s
        jobs = BatchJobs(engine, self.files, queue, self._pseudonyms, lease_s)
        retention = Retention(engine, self.files, settings.batch_window_s)
        metrics = BatchMetrics(registry)
        return BatchWorker(settings, jobs, queue, ask, refuse, may_ask, retention, metrics)

    def close(self) -> None:
        self.files.close()
        self.batches.close()
