"""One JSON object a line on standard output: what ops and log shippers read. Never a photo."""

import json
import logging
import sys
from datetime import UTC, datetime

# Longer texts in a line are cut: a question is at most 2,000 characters, a stack trace is kept.
MAX_VALUE_CHARS = 300
# Made once: json.dumps with any option makes an encoder for each line.
_encode = json.JSONEncoder(ensure_ascii=False).encode


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
        return _encode(line)


def configure_logging(level: str = "INFO") -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for noisy in ("httpx", "uvicorn.access"):  # one line a request is ours to write
        logging.getLogger(noisy).setLevel(logging.WARNING)
