"""One JSON object a line on standard output: what ops and log shippers read. Never a photo."""

import json
import logging
import sys
import time
import warnings
from datetime import UTC, datetime
from threading import Lock
from typing import Any, TextIO

import orjson

# Longer texts in a line are cut: a question is at most 2,000 characters, a stack trace is kept.
MAX_VALUE_CHARS = 300
# What a library may write: so many lines a minute of each of its loggers, with the ends of traces.
# One photo with 40,000 odd EXIF tags wrote 12 MB of warnings.
LIBRARY_LINES, LIBRARY_SPAN_S = 10, 60.0
MAX_LIBRARY_TRACE_CHARS = 8_000
# Loggers of this project are named after its packages. They are not limited.
OURS = frozenset({"contract", "demo_model", "gateway", "inference", "ops", "shopsight", "__main__"})
WARNINGS = "py.warnings"  # logging's own name for the logger of what the module warnings shows

# Of the setting LOG_LEVEL, as Python names them.
LEVELS = "^(DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL|NOTSET)$"


def is_ours(logger: str) -> bool:
    return logger.partition(".")[0] in OURS


class LineLimit:
    """How many lines of each logger are let through in a span of time, and how many are not."""

    def __init__(self, lines: int, span_s: float) -> None:
        self._lines = lines
        self._span_s = span_s
        self._began: dict[str, float] = {}
        self._seen: dict[str, int] = {}
        self._lock = Lock()

    def allows(self, logger: str, now: float) -> bool:
        """Count one more line. Ask for `left_out` before, which ends spans that are over."""
        with self._lock:
            self._began.setdefault(logger, now)
            self._seen[logger] = self._seen.get(logger, 0) + 1
            return self._seen[logger] <= self._lines

    def left_out(self, now: float) -> dict[str, int]:
        """By logger: the lines left out in spans that are over. They are told once."""
        if not self._began:
            return {}
        with self._lock:
            over = [name for name, began in self._began.items() if now - began >= self._span_s]
            for name in over:
                del self._began[name]
            counts = {name: self._seen.pop(name) - self._lines for name in over}
        return {name: count for name, count in counts.items() if count > 0}


class LimitedLines(logging.StreamHandler[TextIO]):
    """Writes all lines of ours and a bounded number of a library's. What it leaves out costs no
    formatting. How much that was is told by a line before the next one that is written."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._limit = LineLimit(LIBRARY_LINES, LIBRARY_SPAN_S)

    def handle(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        self._tell(now)
        if not is_ours(record.name) and not self._limit.allows(record.name, now):
            return False
        return super().handle(record)

    def show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """In the place of warnings.showwarning. logging's own one formats before anybody knows
        whether the line is wanted: 40,000 of them took 2 s, and take 0.2 s here."""
        if not logging.getLogger(WARNINGS).isEnabledFor(logging.WARNING):
            return
        now = time.monotonic()
        self._tell(now)
        if self._limit.allows(WARNINGS, now):
            where = {"category": category.__name__, "where": f"{filename}:{lineno}"}
            super().handle(_record(WARNINGS, "%s", (message,), where))

    def close(self) -> None:
        self._tell(float("inf"))
        super().close()

    def _tell(self, now: float) -> None:
        for name, count in self._limit.left_out(now).items():
            message = "lines left out: this library wrote too many within a minute"
            super().handle(_record(name, message, (), {"left_out": count}))


def _record(
    logger: str, message: str, args: tuple[object, ...], fields: dict[str, Any]
) -> logging.LogRecord:
    record = logging.LogRecord(logger, logging.WARNING, "", 0, message, args, None)
    record.fields = fields
    return record


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:MAX_VALUE_CHARS],
        }
        for name, value in getattr(record, "fields", {}).items():
            line[name] = value[:MAX_VALUE_CHARS] if isinstance(value, str) else value
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            line["trace"] = trace if is_ours(record.name) else trace[-MAX_LIBRARY_TRACE_CHARS:]
        return _encoded(line)


def _encoded(line: dict[str, Any]) -> str:
    try:
        return orjson.dumps(line).decode()
    except TypeError:  # half a surrogate pair, or a value that JSON has not: written all the same
        return json.dumps(line, default=str)


def configure_logging(level: str = "INFO") -> None:
    # What no line shows is not looked up for each of them.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = LimitedLines(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    warnings.showwarning = handler.show_warning
    # Python would remember every text that it has shown, and a photo can make up new ones.
    warnings.simplefilter("always", append=True)
    # One line a request is ours to write, and what httpcore debugs has the addresses of photos.
    for noisy in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
