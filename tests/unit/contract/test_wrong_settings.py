"""Settings that cannot be read are told in a sentence, and no password with them."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError

from contract.process.wrong_settings import sentences, told_in_a_sentence
from gateway.config import Settings
from inference.config import Settings as ReplicaSettings
from ops.autoscaling.settings import AutoscalingSettings

# Which cannot be read, and have a password wherever one may stand.
WRONG = {
    "REDIS_URL": (
        "redis://:hunter2@redis:63790000/0",
        "redis://:hunter2/7@redis:6379",
        "redis://:hunter2#7@redis:6379",
        "redis+sentinel://:hunter2@one",
        "redis+cluster://a:hunter2",
        "hunter2",
    ),
    "DATABASE_URL": (
        "hunter2",
        "mysql://app:hunter2@db/shopsight",
        "postgresql://app:hunter2@db/shopsight",
        "mysql+pymysql://app:hunter2@db:port/shopsight",
        "mysql+pymysql://app@db:hunter2/shopsight",
        "mysql+pymysql://app:x@hunter2@db/shopsight",
        "",
    ),
    "REPLICAS": ("http://app:hunter2@inference:8080", "inference:8080"),
    "UPSTREAMS": ('[{"url": "http://app:hunter2@vllm"}]', '[{"api_key": "hunter2"', '"hunter2"'),
    "IMAGE_URL_PROXY": ("ftp://app:hunter2@proxy",),
    "DEADLINE_MS": ("hunter2",),
    "TRUSTED_PROXIES": ("10.0.0.0/99",),
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPSIGHT_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_it_is_named_without_what_may_be_a_password(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    with pytest.raises(SystemExit) as ended, told_in_a_sentence():
        Settings()
    for said in (str(caught.value), str(ended.value)):
        assert "hunter2" not in said
    assert str(ended.value).startswith(f"A setting cannot be used: {name}: ")
    assert str(ended.value).count("\n") == 0


def test_each_of_several_is_named_and_the_last_line_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEADLINE_MS", "soon")
    monkeypatch.setenv("GATEWAY_PORT", "here")
    with pytest.raises(SystemExit) as ended, told_in_a_sentence():
        Settings()
    first, last = str(ended.value).splitlines()
    assert "DEADLINE_MS" in first
    assert last.startswith("A setting cannot be used: GATEWAY_PORT: ")
    assert last.endswith("in the files of secrets.")


@pytest.mark.parametrize("kind", [ReplicaSettings, AutoscalingSettings])
def test_other_processes_quote_nothing_either(kind: type[BaseSettings]) -> None:
    assert kind.model_config["hide_input_in_errors"]


def test_an_env_file_that_is_no_text_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"ADMIN_TOKEN=\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        Settings(_env_file=file)  # type: ignore[call-arg]


def test_what_else_is_wrong_keeps_its_traceback() -> None:
    assert sentences(ValueError("no number")) is None
