"""What a command writes is whole or not there, and takes nothing's place that is no file."""

import os
import threading
from pathlib import Path

import pytest

from gateway.report.build import write
from gateway.whole_file import whole_file


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("before")
    with pytest.raises(TypeError), whole_file(target) as out, out.open("w") as half:
        half.writelines(["half", 1])  # type: ignore[list-item]
    assert target.read_text() == "before"
    with whole_file(target) as out:
        out.write_text("after")
        assert target.read_text() == "before"
    assert target.read_text() == "after"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write(pipe, "a page")
    reader.join(10)
    assert read == ["a page"]
    assert pipe.is_fifo()
