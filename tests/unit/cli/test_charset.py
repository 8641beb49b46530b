"""Output where the terminal is not in UTF-8."""

import io
import sys

import pytest

from gateway.cli import export, main

TEXT = "好😀"


def printed(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="gbk", write_through=True))
    return raw


def test_what_a_terminal_cannot_show_is_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = printed(monkeypatch)
    monkeypatch.setattr("sys.argv", ["shopsight", "sql", f"SELECT '{TEXT}' AS question"])
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert raw.getvalue().decode("gbk").split() == ["question", r"好\U0001f600"]


def test_exported_json_is_in_utf_8_also_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = printed(monkeypatch)
    with export._opened(None) as out:
        out.write(TEXT)
    assert raw.getvalue().decode() == TEXT
