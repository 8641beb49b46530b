"""`shopsight doctor`, as far as it needs no server: folders, weights, secrets, ports, versions."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.doctor import finding, folders, secret_files, settings, versions, weights
from gateway.cli.doctor.answer_cache import shown
from gateway.cli.doctor.clock import MAX_SKEW_S, compare
from gateway.cli.doctor.finding import Finding, Grade, report
from gateway.cli.doctor.ports import address_of, check_ports
from gateway.config import Settings
from inference.config import DEMO_CHECKPOINT
from tests.support import ROOT

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
shop:/exports /srv nfs4 rw 0 0
/dev/sdb1 /srv/a\\040disk ext4 rw 0 0
"""


def made(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]


def wrong(found: list[Finding]) -> list[str]:
    return [each.message for each in found if each.state in (Grade.WARN, Grade.FAIL)]


@pytest.mark.parametrize(("deadline_ms", "warned"), [("30000", False), ("60000", True)])
def test_a_deadline_beyond_what_others_wait_for_is_a_warning(
    deadline_ms: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEADLINE_MS", deadline_ms)
    found = [each for each in settings.read_settings()[1] if each.state is Grade.WARN]
    assert bool(found) == warned
    assert all("70 s to stop" in each.advice for each in found)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can enter; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="shopsight-open-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO_CHECKPOINT, tmp_path / "checkpoint"))


def test_a_line_is_one_line_and_the_sum_is_the_last() -> None:
    found = [
        Finding("redis", Grade.FAIL, "does not\nanswer", "start it"),
        Finding("clock", Grade.WARN, "late"),
        Finding("ports", Grade.OK, "free"),
    ]
    assert report(found).splitlines() == [
        "fail  redis       does not answer → start it",
        "warn  clock       late",
        "ok    ports       free",
        "",
        "1 problem, 1 warning.",
    ]
    assert finding.failed(found)
    assert not finding.failed(found[1:])


def test_the_shipped_checkpoint_is_whole(checkpoint: Path) -> None:
    assert list(weights.faults_of(checkpoint)) == []


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1000])


def point(file: Path) -> None:
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")


@pytest.mark.parametrize(
    ("break_it", "fault"),
    [
        (cut, r"model.safetensors has \d+ bytes of \d+"),
        (point, r"model.safetensors is a pointer of git LFS"),
        (lambda file: file.write_bytes(b""), "model.safetensors is empty"),
        (lambda file: file.write_bytes(b"\xff" * 100), "model.safetensors is damaged"),
        (Path.unlink, "model.safetensors is missing"),
        (lambda file: (file.parent / "tokenizer.json").unlink(), "tokenizer.json is missing"),
        (lambda file: (file.parent / "config.json").write_text("{"), "config.json is not JSON"),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_found_out(
    checkpoint: Path, break_it: Callable[[Path], Any], fault: str
) -> None:
    break_it(checkpoint / "model.safetensors")
    (only,) = weights.faults_of(checkpoint)
    assert re.match(fault, only), only


def test_a_shard_that_the_index_names_and_nobody_has_is_found_out(checkpoint: Path) -> None:
    whole = checkpoint / "model.safetensors"
    whole.rename(checkpoint / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (checkpoint / weights.INDEX).write_text(json.dumps({"weight_map": shards}))
    assert list(weights.faults_of(checkpoint)) == ["model-00002-of-00002.safetensors is missing"]


def test_a_checkpoint_that_is_no_folder_is_a_name_of_the_hub_or_a_mistake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHECKPOINT", "Qwen/Qwen3-VL-8B-Instruct")
    assert [each.state for each in weights.check_weights(made())] == [Grade.SKIP]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert [each.state for each in weights.check_weights(made())] == [Grade.WARN]
    monkeypatch.setenv("CHECKPOINT", str(tmp_path / "nowhere"))
    assert [each.state for each in weights.check_weights(made())] == [Grade.FAIL]


def test_room_and_rights_of_folders(tmp_path: Path) -> None:
    there = {name: tmp_path / name for name in ("spool_dir", "image_dir", "file_dir")}
    url = f"sqlite:///{tmp_path / 'log.db'}"
    good = made(**there, database_url=url, spool_reserve_bytes=1, spool_max_bytes=1)
    assert wrong(list(folders.check_folders(good))) == []

    much = {"image_disk_free": 0.9999, "image_disk_free_bytes": 2**60}
    full = good.model_copy(update={"spool_reserve_bytes": 2**60, **much})
    said = wrong(list(folders.check_folders(full)))
    assert len(said) == 3
    assert "below SPOOL_RESERVE_BYTES questions are refused" in said[0]
    assert all(
        "below IMAGE_DISK_FREE and IMAGE_DISK_FREE_BYTES uploads are refused" in each
        for each in said[1:]
    )
    small = good.model_copy(update={"spool_max_bytes": 2**60})
    assert "less than SPOOL_MAX_BYTES may take" in wrong(list(folders.check_folders(small)))[0]

    (tmp_path / "file").touch()
    blocked = good.model_copy(update={"image_dir": tmp_path / "file" / "images"})
    assert "is no folder" in wrong(list(folders.check_folders(blocked)))[0]


def test_folders_that_cannot_be_written_or_are_open_to_others(open_folder: Path) -> None:
    proc = made(spool_dir="/proc", image_dir=open_folder, file_dir=open_folder, image_disk_free=0)
    said = wrong(list(folders.check_folders(proc)))
    assert any(each.startswith("SPOOL_DIR /proc cannot be written") for each in said)
    assert f"IMAGE_DIR {open_folder} can be read by every user of this machine" in said
    open_folder.chmod(0o700)
    assert not any("IMAGE_DIR" in each for each in wrong(list(folders.check_folders(proc))))


def test_the_disk_of_a_spool_is_told_by_the_longest_mount() -> None:
    for path, kind in (("/home", "ext4"), ("/srv/spool", "nfs4"), ("/srv/a disk/spool", "ext4")):
        assert folders.filesystem_of(Path(path), MOUNTS) == kind


def test_secrets_that_gateways_do_not_share_are_found_out() -> None:
    server = made(database_url="mysql+pymysql://shopsight@mysql/shopsight")
    said = wrong(list(secret_files.check_secrets(server)))
    assert [each.split()[0] for each in said] == ["SESSION_SECRET", "PSEUDONYM_KEY"]
    long = {"session_secret": "s" * 64, "pseudonym_key": f"{'p' * 64} short"}
    keyed = made(database_url="mysql+pymysql://shopsight@mysql/shopsight", **long)
    said = wrong(list(secret_files.check_secrets(keyed)))
    assert said == ["PSEUDONYM_KEY is shorter than 32 characters"]


def test_secrets_that_others_can_read_are_found_out(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOPSIGHT_HOME", str(open_folder))
    secret = open_folder / "session_secret"
    secret.write_text("s" * 64)
    secret.chmod(0o644)
    (only,) = wrong(list(secret_files.check_secrets(made())))
    assert only == f"{secret} can be read by every user of this machine"
    open_folder.chmod(0o700)  # as bin/make-secrets does
    assert wrong(list(secret_files.check_secrets(made()))) == []


def test_a_dotenv_with_a_secret_is_to_be_closed(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = open_folder / ".env"
    monkeypatch.setattr(secret_files, "env_file", lambda: file)
    for text, count in (("#REDIS_PASSWORD=\nPORT=1", 0), ("REDIS_PASSWORD=hunter2", 1)):
        file.write_text(text)
        file.chmod(0o644)
        said = wrong(list(secret_files.check_secrets(made())))
        assert len(said) == count
        assert "hunter2" not in "".join(said)


def test_a_port_is_free_or_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        other.listen()
        # It takes connections and says nothing, so it is none of ours.
        (only,) = wrong(list(check_ports(made(gateway_port=port))))
        assert only.startswith(f"{port} is taken by process {os.getpid()} (")
    assert wrong(list(check_ports(made(gateway_port=port)))) == []
    elsewhere = made(gateway_port=port, admin_host="192.0.2.1")
    assert "no address of this machine" in wrong(list(check_ports(elsewhere)))[0]


def test_administration_that_a_network_reaches_needs_a_token() -> None:
    def about(host: str, token: str) -> list[str]:
        found = wrong(list(check_ports(made(gateway_port=0, admin_host=host, admin_token=token))))
        return [each for each in found if "ADMIN_TOKEN" in each]

    (only,) = about("0.0.0.0", "")
    assert "no gateway starts" in only
    assert about("0.0.0.0", "hunter2") == about("127.0.0.1", "") == about("localhost", "") == []


def test_where_a_server_is_asked() -> None:
    assert address_of("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address_of("::", 80) == "http://[::1]:80"
    assert address_of("gateway-ops", 9101) == "http://gateway-ops:9101"


def test_secrets_that_are_made_are_closed_though_their_folder_was_there(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "bin/make-secrets", tmp_path / "bin")
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    subprocess.run([tmp_path / "bin/make-secrets"], check=True)
    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    # A container's user reads the files themselves.
    assert {oct(each.stat().st_mode & 0o777) for each in folder.iterdir()} == {"0o644"}


@pytest.mark.parametrize(
    ("theirs", "state"),
    [
        (100.0, Grade.OK),
        (101.1 + MAX_SKEW_S, Grade.FAIL),
        (99.9 - MAX_SKEW_S, Grade.FAIL),
        (99.0, Grade.OK),
    ],
)
def test_clocks_are_compared_with_the_time_that_the_question_took(
    theirs: float, state: Grade
) -> None:
    found = compare("Redis", theirs, before=100.0, after=101.0)
    assert found.state is state
    if state is Grade.FAIL:
        assert ("ahead of" if theirs > 101 else "behind") in found.message
        assert "2.1 s" in found.message


def test_another_version_than_was_tested_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrong(list(versions.check_versions(made(photo_checks="")))) == []
    monkeypatch.setattr(versions, "pins", lambda _: {"httpx": "0.1", "not-installed": "1"})
    (only,) = wrong(list(versions.check_versions(made(photo_checks=""))))
    assert only.startswith("other versions than were tested: httpx ")
    assert only.endswith("(0.1)")


def test_a_photo_check_without_its_library_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(versions.LIBRARIES, "codes", "not_installed")
    (only,) = wrong(list(versions.check_versions(made(photo_checks="codes"))))
    assert "not_installed is not installed" in only


def test_a_process_that_may_open_few_files_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions.resource, "getrlimit", lambda _: (256, 4096))
    (only,) = wrong(list(versions.check_versions(made(photo_checks=""))))
    assert only == "a process may open 256 files"


def test_a_setting_that_cannot_be_read_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "hunter2")
    read, found = settings.read_settings()
    assert read is None
    (only,) = wrong(found)
    assert only.startswith("GATEWAY_PORT: ")
    assert "hunter2" not in report(found)


def test_the_password_of_redis_is_not_shown() -> None:
    assert shown("redis://user:hunter2@redis:6379/0?password=hunter2") == "redis://redis:6379/0"
