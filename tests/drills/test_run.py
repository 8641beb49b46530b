"""`shopsight run` from any folder: where its state is, and what follows when a process dies."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from gateway.identity.pseudonyms import Pseudonyms
from tests.support import ROOT
from tests.support.asking import data_uri, post, text_of
from tests.support.servers import wait_until
from tests.support.shopsight_run import Running, shopsight_run

# Of the modules that the commands import from a wheel instead of the checkout.
SHIPPED = ("contract", "demo_model", "gateway", "inference", "migrations", "web")
BUILT_FROM = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder of somebody's, with modules of the same names as ours and Python's."""
    made = tmp_path / "elsewhere"
    made.mkdir()
    for name in ("inference.py", "json.py", "gateway.py"):
        (made / name).write_text("raise SystemExit('of the current folder')")
    return made


def cli(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "gateway.cli", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def ask(running: Running, photo: Path, question: str = "What is it?") -> httpx.Response:
    return post(running.url, {"image": data_uri(photo.read_bytes()), "prompt": question})


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the project's wheel, in a folder."""
    source = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, source)
    building = [sys.executable, "-c", "from setuptools.build_meta import *; build_wheel('dist')"]
    subprocess.run(building, cwd=source, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = (source / "dist").glob("*.whl")
    target = source / "site-packages"
    zipfile.ZipFile(wheel).extractall(target)
    return target


def test_a_wheel_runs_without_its_checkout_and_processes_that_die_are_started_again(
    installed: Path, elsewhere: Path, tmp_path: Path, sample_photo: Path
) -> None:
    environment = {
        "PYTHONPATH": str(installed),
        "SHOPSIGHT_HOME": "",
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    with shopsight_run(elsewhere, **environment) as running:
        assert text_of(ask(running, sample_photo))
        assert "<title>" in httpx.get(f"{running.url}/").text
        assert httpx.get(f"{running.url}/samples/samples.json").status_code == 200

        running.kill("inference")
        assert running.has_said("The model (inference) was killed by SIGKILL. Its last line: {")
        assert running.has_said("The model is started again.")
        assert ask(running, sample_photo).headers["x-cache"] == "hit"
        assert httpx.get(f"{running.url}/").status_code == 200
        wait_until("model", lambda: answers(running, sample_photo, "What colour is it?"), 120)

        running.kill("gateway")
        assert running.has_said("The gateway (gateway) was killed by SIGKILL.")
        wait_until("gateway", lambda: answers(running, sample_photo, "Is it red?"), 120)
        assert "in use" in cli(tmp_path, "log", "status", **environment).stdout
    assert running.process.returncode == 0
    assert running.said[-1] == "Stopped.\n"
    assert re.search(r"questions \d", cli(tmp_path, "stats", **environment).stdout)
    key = Pseudonyms((tmp_path / "data" / "shopsight" / "pseudonym_key").read_text()).key_ids[0]
    assert cli(tmp_path, "pseudonyms", **environment).stdout.startswith(f"{key}  makes new ones")
    for command in ("erasures", "export"):
        assert (said := cli(tmp_path, command, **environment)).returncode == 0, said.stderr
    assert {path.suffix for path in elsewhere.iterdir()} == {".py"}  # nothing was left there


def test_one_that_dies_again_and_again_ends_everything(elsewhere: Path, tmp_path: Path) -> None:
    with shopsight_run(elsewhere, SHOPSIGHT_HOME=str(tmp_path)) as running:
        replica = running.pid("inference")
        running.kill("gateway")
        running.kill("gateway")
        last = running.pid("gateway")
        assert last is not None
        os.kill(last, signal.SIGKILL)
        assert running.process.wait(timeout=60) == 1
    assert running.has_said("third time within a minute")
    assert running.has_said(f"The end of {tmp_path / 'gateway.log'}:")
    assert json.loads(running.said[-1])["logger"]  # a line of it
    assert not Path(f"/proc/{replica}").exists()


def answers(running: Running, photo: Path, question: str) -> bool:
    try:
        return ask(running, photo, question).status_code == 200
    except httpx.TransportError:
        return False
