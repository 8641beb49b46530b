"""The worker of the batch lane: an asyncio task that leases lines, has them asked, and writes what
came of them. Any number of workers share one database. One that dies loses nothing but time."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from contract.errors import InternalError, ShopsightError
from contract.process.stopping import LINES_S
from gateway.batch.check import parse_line
from gateway.batch.file import path_of
from gateway.batch.jobs import BatchJobs, Job
from gateway.batch.line import (
    MAX_TRIES,
    Answer,
    Line,
    LineBatch,
    Pause,
    erased,
    pause_after,
    result_of,
)
from gateway.batch.lines import LineQueue
from gateway.batch.metrics import BatchMetrics
from gateway.batch.retention import Retention
from gateway.batch.settings import BatchSettings
from gateway.errors import FileNotFound, FileStoreUnavailable
from gateway.log.faults import loggable

log = logging.getLogger(__name__)

# After a database that did not answer, for a line's result as for a round.
DATABASE_PAUSE_S = 1.0
SWEEP_S = 600
# For the last round, and then for the last words on lines, should the database hang.
LAST_ROUND_S = LINES_S / 2
# Of its own: what they wait for must not keep requests waiting, where there are any.
_threads = partial(ThreadPoolExecutor, 4, thread_name_prefix="batch-worker")

R = TypeVar("R")
AskLine = Callable[[LineBatch, Line, dict[str, Any]], Awaitable[Answer]]
"""Asks the question in `body` of a line's JSON. It raises nothing but CancelledError."""
RefuseLine = Callable[[LineBatch, ShopsightError], Awaitable[Answer]]
"""Records a line that cannot be asked. Raises nothing but CancelledError."""


class BatchWorker:
    def __init__(
        self,
        settings: BatchSettings,
        jobs: BatchJobs,
        queue: LineQueue,
        ask: AskLine,
        refuse: RefuseLine,
        may_ask: Callable[[], bool],
        retention: Retention,
        metrics: BatchMetrics,
    ) -> None:
        """`may_ask`: whether anything could answer at all. Otherwise each line would fail first."""
        self._folder: Path = settings.file_dir
        self._places = settings.batch_concurrency
        self._poll_s = settings.batch_poll_s
        self._renew_s = settings.batch_lease_s / 3
        self._jobs = jobs
        self._queue = queue
        self._ask = ask
        self._refuse = refuse
        self._may_ask = may_ask
        self._retention = retention
        self._metrics = metrics
        self._lines: dict[asyncio.Task[None], tuple[LineBatch, Line]] = {}
        self._job: tuple[Job, asyncio.Task[None]] | None = None
        self._until: dict[str, float] = {}
        """Until when (monotonic) nothing is asked: of a tenant, or under "" of anybody."""
        self._news = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._sql = _threads()

    def start(self) -> None:
        if self._places:
            loops = (self._run, self._renew_forever, self._sweep_forever)
            self._tasks = [asyncio.create_task(loop()) for loop in loops]

    async def close(self) -> None:
        """Within LINES_S lines under way are given back: the next worker takes them at once. So
        the last round may end first, which may just be taking some."""
        self._stopping = True
        self._news.set()
        if self._tasks:
            await asyncio.wait(self._tasks[:1], timeout=LAST_ROUND_S)
        tasks = [*self._tasks, *self._lines, *([self._job[1]] if self._job else [])]
        before, self._sql = self._sql, _threads()  # all of these may wait for something that hangs
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_ROUND_S)
        for threads in (before, self._sql):
            threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        while not self._stopping:
            self._news.clear()
            wait_s = self._poll_s
            try:
                await self._round()
                self._metrics.last.set_to_current_time()
            except Exception as error:  # such as a database that is down: the next round goes on
                self._failed("batch round failed", error)
                wait_s = max(self._poll_s, DATABASE_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    async def _round(self) -> None:
        """Take what there is room for."""
        if self._job is None and (job := await self._call(self._jobs.claim)) is not None:
            self._job = job, asyncio.create_task(self._do_job(job))
        batches, left = await self._call(self._queue.batches)
        self._metrics.left.set(left)
        for batch in self._in_turn(batches):
            if self._stopping or not (room := self._places - len(self._lines)):
                return
            for line in await self._call(self._queue.take, batch.key, room):
                task = asyncio.create_task(self._do_line(batch, line))
                self._lines[task] = batch, line
                task.add_done_callback(self._ended)

    def _in_turn(self, batches: list[LineBatch]) -> list[LineBatch]:
        """The tenant with the fewest lines under way here is next. Of a tenant, its oldest."""
        now = time.monotonic()
        if self._until.get("", 0.0) > now or not self._may_ask():
            return []
        under_way = [batch.tenant for batch, _ in self._lines.values()]
        may = [batch for batch in batches if self._until.get(batch.tenant, 0.0) <= now]
        return sorted(may, key=lambda batch: under_way.count(batch.tenant))

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._lines[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed("batch line failed", error)  # its lease ends, then it is tried again
        self._metrics.under_way.set(len(self._lines))
        self._news.set()

    async def _do_line(self, batch: LineBatch, line: Line) -> None:
        self._metrics.under_way.set(len(self._lines))
        last_word: Callable[[], Any] = partial(self._queue.put_back, line, 0.0, counts=False)
        try:
            answer = await self._answer(batch, line)
            pause = pause_after(answer, line.tries)
            if pause is not None:
                self._wait(batch, pause)
                self._metrics.retries.labels(str(answer.status)).inc()
                last_word = partial(self._queue.put_back, line, pause.seconds, pause.counts)
                await self._persist(last_word)
                return
            outcome, written = result_of(line.custom_id, answer)
            last_word = partial(self._queue.finish, line, outcome, written)
            kept = await self._persist(last_word)
            (self._metrics.lines.labels(outcome) if kept else self._metrics.lost).inc()
        except asyncio.CancelledError as error:
            if error.args != ("lost",):
                with contextlib.suppress(SQLAlchemyError):
                    await self._call(last_word)  # a thread may be at it: the lease lets it be once
            raise

    async def _answer(self, batch: LineBatch, line: Line) -> Answer:
        if line.tries > MAX_TRIES:  # workers died of it
            return await self._refuse(batch, InternalError())
        name = f"batch_req_{line.batch.hex}-{line.number}"
        try:
            value = parse_line(await self._call(self._read, batch, line))
        except FileNotFoundError:
            return await self._refuse(batch, FileNotFound())
        except OSError:  # no row, since it was not asked and is tried again
            away = FileStoreUnavailable()
            return Answer(away.status, name, away.body("en"), away.retry_after_s)
        if value is None:  # erased, just now: as lines that waited it has no row
            return Answer(404, name, erased())
        return await self._ask(batch, line, value["body"])

    def _read(self, batch: LineBatch, line: Line) -> bytes:
        with path_of(self._folder, batch.input_file).open("rb") as file:
            file.seek(line.position)
            return file.read(line.length)

    def _wait(self, batch: LineBatch, pause: Pause) -> None:
        if pause.whose != "line":
            who = batch.tenant if pause.whose == "tenant" else ""
            until = time.monotonic() + pause.seconds
            self._until[who] = max(self._until.get(who, 0.0), until)

    async def _do_job(self, job: Job) -> None:
        try:
            await self._call(self._jobs.do, job)
        except Exception as error:  # its lease ends, then it is done again
            self._failed("batch job failed", error)
        finally:
            self._job = None
            self._news.set()

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._renew_s)
            try:
                if held := [line for _, line in self._lines.values()]:
                    lost = await self._call(self._queue.renew, held)
                    self._metrics.lost.inc(len(lost))
                    for task, (_, line) in self._lines.items():
                        if line in lost:  # nobody wants its answer, which may be an hour away
                            task.cancel("lost")
                if self._job is not None:
                    await self._call(self._jobs.renew, self._job[0])
            except Exception as error:  # who stops renewing loses all that it does from then on
                self._failed("batch leases not renewed", error)

    async def _sweep_forever(self) -> None:
        while True:
            try:
                await self._call(self._retention.sweep)
            except Exception as error:  # it is due again soon
                self._failed("batch sweep failed", error)
            await asyncio.sleep(SWEEP_S)

    async def _persist(self, call: Callable[..., R], *arguments: Any) -> R:
        """Until the database has taken it: an answer has cost seconds of a model. If the lease is
        lost meanwhile, the database says so then. Raises what no other try would mend."""
        while True:
            try:
                return await self._call(call, *arguments)
            except (DataError, IntegrityError):
                raise
            except SQLAlchemyError as error:
                self._failed("batch line not written", error)
                await asyncio.sleep(DATABASE_PAUSE_S)

    async def _call(self, call: Callable[..., R], *arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._sql, call, *arguments)

    def _failed(self, what: str, error: BaseException) -> None:
        self._metrics.failures.inc()
        log.warning(what, extra={"fields": {"why": loggable(error)}})
