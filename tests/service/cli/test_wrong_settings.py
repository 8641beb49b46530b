"""A setting or an argument that cannot be used is told in a sentence by every process and command:
without a traceback, and without the password that may stand in it."""

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support import fork_server
from tests.support.command_line import shopsight
from tests.support.stub_replica import StubReplica

WRONG = [
    {"REDIS_URL": "redis://:hunter2@redis:63790000/0"},
    {"DATABASE_URL": "mysql://app:hunter2@db/shopsight"},
    {"DEADLINE_MS": "hunter2"},
    {"BUSINESS_TIME_ZONE": "hunter2"},
    {"PSEUDONYM_KEY": "hunter2 hunter2"},
]
COMMANDS = ["migrate", "stats", "keys list", "admin weights", "canary status", "erasures", "worker"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPSIGHT_HOME", str(tmp_path))


def is_a_sentence(ended: CompletedProcess[str], about: str) -> None:
    assert ended.returncode == 1
    said = ended.stdout + ended.stderr
    assert about in said
    assert len(said.splitlines()) == 1, said
    assert "hunter2" not in said


@pytest.mark.parametrize("module", ["gateway", "inference"])
def test_a_process_that_cannot_start_says_why_in_a_line(module: str) -> None:
    name = {"gateway": "REDIS_URL", "inference": "SLOTS"}[module]
    is_a_sentence(fork_server.run(module, **{name: "redis://:hunter2@redis:1e9"}), name)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
def test_a_command_says_which_setting_it_is(command: str, wrong: dict[str, str]) -> None:
    is_a_sentence(shopsight(*command.split(), **wrong), next(iter(wrong)))


@pytest.mark.parametrize("wrong", [*WRONG, {"DATABASE_URL": "nonsense"}], ids=str)
def test_doctor_finds_it(wrong: dict[str, str]) -> None:
    said = shopsight("doctor", **wrong)
    assert said.returncode == 1
    assert said.stderr == ""
    assert f"fail  settings    {next(iter(wrong))}: " in said.stdout
    assert "hunter2" not in said.stdout


@pytest.mark.parametrize("command", ["keys list", "stats", "erasures", "doctor"])
def test_a_password_among_the_options_of_a_database_is_not_told(command: str) -> None:
    url = "mysql+pymysql://app:hunter2@127.0.0.1:9/shopsight?password=hunter2"
    ended = shopsight(*command.split(), DATABASE_URL=url)
    assert ended.returncode == 1
    assert "127.0.0.1:9/shopsight" in ended.stdout + ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    "command",
    [
        "report --day 9999-12-31",
        "keys rotate 0123456789ab --grace 99999999999d",
        "admin weights old=nan new=1",
    ],
)
def test_an_argument_that_cannot_be_used_is_told(command: str) -> None:
    said = shopsight(*command.split())
    assert said.returncode == 2
    assert "Traceback" not in said.stderr


def test_another_server_at_the_administration_s_port_is_told(stub: StubReplica) -> None:
    port = stub.url.rpartition(":")[2]
    said = shopsight("admin", "weights", ADMIN_HOST="127.0.0.1", ADMIN_PORT=port)
    assert said.returncode == 1
    assert "is no administration" in said.stderr
    assert "Traceback" not in said.stderr
