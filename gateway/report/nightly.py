"""Has the reports of the folder made, in a process of their own: the plotting library would stay in
the memory of one that serves shoppers."""

import logging
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.report.folder import due
from gateway.report.settings import ReportSettings

log = logging.getLogger(__name__)

# How often the folder is looked at. The first hour of a day belongs to rows that come late, and to
# roll-ups.
EVERY_S = 600
FROM_HOUR = 1
# A report of a month of 5,000,000 rows takes some seconds.
TIMEOUT_S = 900
NICE = 15


class NightlyReports:
    """A thread, from `start` to `stop`. Several processes may each have one: what one has made the
    others find."""

    def __init__(self, folder: Path, zone: ZoneInfo) -> None:
        self._folder = folder
        self._zone = zone
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    @classmethod
    def wanted(cls, settings: ReportSettings, zone: ZoneInfo) -> "list[NightlyReports]":
        """One, or none where the settings say so."""
        return [cls(settings.report_dir, zone)] if settings.nightly_reports else []

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience_s: float) -> None:
        """A report that is being made is given up: the next process makes it."""
        self._stopping.set()
        if (child := self._child) is not None:
            child.kill()
        self._thread.join(patience_s)

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            try:
                self.round(datetime.now(UTC))
            except Exception as error:  # such as a full disk: the next round tries again
                log.warning("no report", extra={"fields": {"why": type(error).__name__}})

    def round(self, now: datetime) -> bool:
        """Make what is due; returns whether anything was."""
        here = now.astimezone(self._zone)
        if here.hour < FROM_HOUR or not due(self._folder, here.date()):
            return False
        command = [sys.executable, "-m", "gateway.cli", "report", "--missing"]
        with subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        ) as child:
            self._child = child
            os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
            try:
                _, errors = child.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()
                raise
            finally:
                self._child = None
        if child.returncode and not self._stopping.is_set():
            last = errors.decode(errors="replace").strip().splitlines()[-1:]
            log.warning("no report", extra={"fields": {"why": "".join(last)[:200]}})
        return True
