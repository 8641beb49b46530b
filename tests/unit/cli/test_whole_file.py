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


def test_a_link_stays_one(tmp_path: Path) -> None:
    """As /dev/stdout is one to the file that a shell has opened."""
    target, link = tmp_path / "out.html", tmp_path / "stdout"
    target.write_text("before")
    link.symlink_to(target)
    write(link, "a page")
    assert link.is_symlink()
    assert target.read_text() == "a page"


def test_who_writes_the_same_file_writes_beside_the_other(tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    with whole_file(target) as ours:
        ours.write_text("ours")
        if (child := os.fork()) == 0:
            write(target, "theirs")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert target.read_text() == "theirs"
    assert target.read_text() == "ours"
    assert list(tmp_path.iterdir()) == [target]


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
