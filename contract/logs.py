"""One JSON object a line on standard output: what ops and log shippers read. Never a photo."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

# Longer texts in a line are cut: a question is at most 2,000 characters, a stack trace is kept.
MAX_VALUE_CHARS = 300


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
            line["trace"] = self.formatException(record.exc_info)
        return _encoded(line)


def _encoded(line: dict[str, Any]) -> str:
    try:
        return orjson.dumps(line).decode()
    except TypeError:  # half a surrogate pair, or a value that JSON has not: written all the same
        return json.dumps(line, default=str)


def configure_logging(level: str = "INFO") -> None:
    # What no line shows is not looked up for each of them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for noisy in ("httpx", "uvicorn.access"):  # one line a request is ours to write
        logging.getLogger(noisy).setLevel(logging.WARNING)
