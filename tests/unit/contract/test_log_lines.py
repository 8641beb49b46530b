"""One JSON object a line, whatever is logged."""

import json
import logging
import uuid
from typing import Any

import pytest

from contract.process.logs import MAX_VALUE_CHARS, JsonLines


def line_of(message: str, **fields: Any) -> dict[str, Any]:
    record = logging.LogRecord("shopsight.test", logging.INFO, __file__, 1, message, (), None)
    record.fields = fields
    text = JsonLines().format(record)
    assert "\n" not in text
    return dict(json.loads(text))


def test_a_line_holds_the_message_and_its_fields() -> None:
    line = line_of("回答", cache="hit", total_ms=1.5)
    assert (line["message"], line["cache"], line["total_ms"]) == ("回答", "hit", 1.5)
    assert line["level"] == "info"


def test_a_long_text_is_cut() -> None:
    assert len(line_of("x" * 5000, why="y" * 5000)["why"]) == MAX_VALUE_CHARS


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("half \ud83d", "half \ud83d"),
        (1 << 70, 1 << 70),
        (float("inf"), None),
        ({1}, "{1}"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
    ids=str,
)
def test_a_line_is_written_of_values_that_json_has_not(value: object, written: object) -> None:
    assert line_of("odd", odd=value)["odd"] == written
