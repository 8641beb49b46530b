"""The embedded default from the outside: the official OpenAI client, the command line, the demo."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from sqlalchemy import create_engine, text

from gateway.cli.embedded import Stack
from gateway.cli.embedded import embedded_stack as start
from gateway.config import Settings
from tests.support import ROOT
from tests.support.asking import data_uri, rows
from tests.support.command_line import shopsight
from tests.support.schema import upgrade
from tests.support.servers import wait_until


def now() -> datetime:
    return datetime.now(UTC)


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_official_client_works_streamed_or_not(
    embedded_stack: Stack, sample_photo: Path
) -> None:
    client = openai.OpenAI(base_url=f"{embedded_stack.url}/v1", api_key="unused")
    content = [
        {"type": "image_url", "image_url": {"url": data_uri(sample_photo.read_bytes())}},
        {"type": "text", "text": "这是什么?"},
    ]
    messages = [{"role": "user", "content": content}]
    whole = client.chat.completions.create(model="shopsight", messages=messages)  # type: ignore[call-overload]
    stream = client.chat.completions.create(model="shopsight", messages=messages, stream=True)  # type: ignore[call-overload]
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert whole.choices[0].message.content == "".join(pieces) != ""
    assert whole.choices[0].finish_reason == "stop"
    assert client.models.list().data[0].id == "shopsight"


def test_the_official_client_goes_on_with_an_answer_and_meets_its_own_errors(
    embedded_stack: Stack, sample_photo: Path
) -> None:
    client = openai.OpenAI(base_url=f"{embedded_stack.url}/v1", api_key="unused", max_retries=0)
    photo = {"type": "image_url", "image_url": {"url": data_uri(sample_photo.read_bytes())}}
    messages: list[Any] = [
        {"role": "user", "content": [photo, {"type": "text", "text": "What is it?"}]}
    ]

    def ask(*more: Any, **fields: Any) -> Any:
        asked = [*messages, *more]
        return client.chat.completions.create(model="shopsight", messages=asked, **fields)

    first = ask(logprobs=True, top_logprobs=1, metadata={"a": "b"}, tool_choice="none")
    message = first.choices[0].message
    assert first.system_fingerprint.startswith("fp_")
    why = {"role": "user", "content": "Why?"}
    assert ask(message.model_dump(), why).choices[0].message.content
    tokens = [token.token for token in first.choices[0].logprobs.content]
    assert "".join(tokens) == message.content
    stopped = ask(stop=[message.content[-5:]], logprobs=True, seed=-1, top_p=0).choices[0]
    assert message.content.startswith("".join(t.token for t in stopped.logprobs.content[:-1]))
    made = ask(response_format={"type": "json_object"}, max_tokens=5, max_completion_tokens=60)
    assert made.choices[0].message.content.startswith("{")

    with pytest.raises(openai.BadRequestError) as caught:
        ask(tools=[{"type": "function", "function": {"name": "f"}}])
    assert (caught.value.code, caught.value.param) == ("invalid_field", "tools")
    with pytest.raises(openai.BadRequestError) as caught:
        ask({"role": "assistant", "content": "龘" * 3000}, why)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    assert client.models.retrieve("shopsight").id == "shopsight"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


def test_the_page_is_served_with_a_strict_policy(embedded_stack: Stack) -> None:
    page = httpx.get(embedded_stack.url + "/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{embedded_stack.url}/../pyproject.toml").status_code == 404


def test_its_keys_outlive_it_and_are_its_owners_alone(embedded_stack: Stack) -> None:
    for name in ("pseudonym_key", "session_secret"):
        file = embedded_stack.data / name
        assert len(file.read_text()) == 64
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_question_from_the_terminal(embedded_stack: Stack, sample_photo: Path) -> None:
    asked = cli("ask", str(sample_photo), "这是什么颜色?", "--url", embedded_stack.url)
    assert asked.returncode == 0, asked.stderr

    def recorded() -> list[str | None]:
        found = rows(embedded_stack.database_url)
        return [row["answer"] for row in found if row["question"] == "这是什么颜色?"]

    wait_until("recorded", recorded)
    assert recorded() == [asked.stdout.strip()]


def test_the_terminal_says_what_is_wrong(embedded_stack: Stack, tmp_path: Path) -> None:
    text = tmp_path / "note.jpg"
    text.write_text("hello")
    refused = cli("ask", str(text), "这是?", "--url", embedded_stack.url)
    assert refused.returncode == 1
    assert "JPEG" in refused.stderr
    nobody = cli("ask", str(text), "?", "--url", "http://127.0.0.1:9")
    assert nobody.returncode == 1
    assert "make run" in nobody.stderr
    schemeless = cli("ask", str(text), "?", "--url", "127.0.0.1:9")
    assert schemeless.returncode == 1
    assert "http://" in schemeless.stderr
    assert cli("ask", "nowhere.jpg", "?").returncode == 2


@pytest.mark.parametrize("command", ["stats", "rollup", "pseudonyms", "erasures", "export"])
def test_a_log_that_is_not_there_yet_is_a_sentence(command: str, tmp_path: Path) -> None:
    extra = ("--out", str(tmp_path / "out.jsonl")) if command == "export" else ()
    nothing = f"sqlite:///{tmp_path / 'none' / 'log.db'}"
    said = shopsight(command, *extra, DATABASE_URL=nothing)
    assert (said.returncode, said.stdout) == (1, "")
    assert "make run" in said.stderr
    assert "Traceback" not in said.stderr
    assert shopsight("migrate", DATABASE_URL=nothing).returncode == 0
    assert shopsight(command, *extra, DATABASE_URL=nothing).returncode == 0


def test_a_taken_port_is_said_before_anything_starts(embedded_stack: Stack) -> None:
    taken = cli("run", "--port", embedded_stack.url.rpartition(":")[2])
    assert (taken.returncode, taken.stdout) == (1, "")
    (gateway,) = (child for child in embedded_stack.children if child.module == "gateway")
    assert f"is taken by process {gateway.process.pid} (" in taken.stderr
    assert "a Shopsight gateway" in taken.stderr
    assert "make run PORT=" in taken.stderr


def test_a_log_of_a_newer_version_is_a_sentence_and_nothing_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'shopsight.db'}")
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    engine.dispose()
    with pytest.raises(SystemExit, match="1"), start(tmp_path):
        pass
    said = capfd.readouterr().err
    assert "0099" in said
    assert "Traceback" not in said
    assert not (tmp_path / "gateway.log").exists()


@pytest.mark.long
def test_the_demo_shows_the_main_job() -> None:
    began = now()
    shown = cli("demo")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "from the cache" in shown.stdout
    assert "answered  hit" in shown.stdout
    assert "questions 7 · answered 7" in shown.stdout
    zone = Settings().business_zone
    assert f"times in {zone}):" in shown.stdout
    told = re.findall(r"^  (\d\d):\d\d:\d\d  answered", shown.stdout, re.MULTILINE)
    assert {int(hour) for hour in told} <= {
        moment.astimezone(zone).hour for moment in (began, now())
    }
    assert "make run" in shown.stdout
