"""What a library may write into our log: a few lines a minute, at a bounded cost."""

import io
import json
import logging
import struct
import subprocess
import sys
from typing import Any

import pytest

from contract.process.logs import (
    LIBRARY_LINES,
    MAX_LIBRARY_TRACE_CHARS,
    MAX_VALUE_CHARS,
    JsonLines,
    LimitedLines,
    LineLimit,
)
from tests.support import ROOT
from tests.support.pictures import encoded, picture


@pytest.fixture
def handler() -> LimitedLines:
    made = LimitedLines(io.StringIO())
    made.setFormatter(JsonLines())
    return made


def lines(handler: LimitedLines) -> list[dict[str, Any]]:
    written = handler.stream.getvalue()  # type: ignore[attr-defined]
    return [json.loads(line) for line in written.splitlines()]


def write(handler: LimitedLines, logger: str, message: object, exc_info: Any = None) -> None:
    handler.handle(logging.LogRecord(logger, logging.INFO, "", 1, "%s", (message,), exc_info))


def test_a_span_lets_some_lines_through_and_the_next_one_begins_anew() -> None:
    limit = LineLimit(2, 60)
    assert [limit.allows("PIL", at) for at in (0, 1, 59)] == [True, True, False]
    assert limit.left_out(59) == {}
    assert limit.allows("torch", 59)
    assert limit.left_out(60) == {"PIL": 1}
    assert limit.left_out(60) == {}
    assert limit.allows("PIL", 60)


def test_each_library_is_limited_and_told_of_and_we_are_not(handler: LimitedLines) -> None:
    for number in range(100):
        write(handler, "PIL.Image", number)
        write(handler, "asyncio", number)
        write(handler, "gateway.pool", number)
    written = [line["logger"] for line in lines(handler)]
    assert written.count("PIL.Image") == written.count("asyncio") == LIBRARY_LINES
    assert written.count("gateway.pool") == 100
    handler.close()
    told = {line["logger"]: line["left_out"] for line in lines(handler)[-2:]}
    assert told == {"PIL.Image": 100 - LIBRARY_LINES, "asyncio": 100 - LIBRARY_LINES}


def test_what_is_left_out_is_told_before_the_next_line(
    handler: LimitedLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(LIBRARY_LINES + 3):
        write(handler, "PIL", number)
    monkeypatch.setattr("contract.process.logs.time.monotonic", lambda: 1e9)
    write(handler, "gateway.app", "a request")
    assert lines(handler)[-2]["left_out"] == 3
    assert lines(handler)[-1]["message"] == "a request"


def test_lines_that_are_left_out_are_not_formatted(handler: LimitedLines) -> None:
    class Message:
        formatted = 0

        def __str__(self) -> str:
            Message.formatted += 1
            return "expensive"

    for _ in range(100):
        write(handler, "PIL", Message())
        handler.show_warning(Message(), UserWarning, "PIL/Image.py", 1)  # type: ignore[arg-type]
    assert Message.formatted == 2 * LIBRARY_LINES


def test_a_library_s_line_and_trace_are_cut(handler: LimitedLines) -> None:
    try:
        raise ValueError("x" * 100_000)
    except ValueError:
        for logger in ("uvicorn.error", "gateway.api"):
            write(handler, logger, "y" * 100_000, sys.exc_info())
    theirs, ours = lines(handler)
    assert len(theirs["message"]) == len(ours["message"]) == MAX_VALUE_CHARS
    assert len(theirs["trace"]) == MAX_LIBRARY_TRACE_CHARS
    assert len(ours["trace"]) > 100_000  # a stack trace of ours is kept


DECODE = """
import sys
from contract.images import EncodedImage, check_image
from contract.process.logs import configure_logging
configure_logging()
photo = EncodedImage(sys.stdin.buffer.read())
check_image(photo)
check_image(photo)
from PIL import TiffImagePlugin
remembered = getattr(TiffImagePlugin, "__warningregistry__", {})
assert len(remembered) < 10, len(remembered)
"""


def test_a_photo_with_40000_odd_tags_writes_a_few_lines() -> None:
    tags = b"".join(struct.pack("<HHII", tag, 2, 1_000_000, 8) for tag in range(1, 40_001))
    exif = b"II*\0" + struct.pack("<IH", 8, 40_000) + tags + b"\0\0\0\0"
    done = subprocess.run(
        [sys.executable, "-c", DECODE],
        cwd=ROOT,
        input=encoded(picture(), "PNG", exif=exif),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(written) == LIBRARY_LINES + 1
    assert written[0]["message"] == "Tag data larger than file. Skipping tag 1"
    assert written[0]["category"] == "UserWarning"
    assert "TiffImagePlugin.py" in written[0]["where"]
    assert written[-1]["left_out"] == 2 * 40_000 - LIBRARY_LINES
