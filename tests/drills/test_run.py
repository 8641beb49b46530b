"""`shopsight run` from any folder: where its state is, what of it the network reaches, and what
follows when a process dies."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from gateway.cli.demo_checkpoint import KNOWS
from gateway.identity.pseudonyms import Pseudonyms
from tests.support import ROOT
from tests.support.asking import chat, data_uri, post, text_of
from tests.support.servers import wait_until
from tests.support.shopsight_run import Running, shopsight_run

pytestmark = pytest.mark.long

# Of the modules that the commands import from a wheel instead of the checkout.
SHIPPED = ("contract", "demo_model", "gateway", "inference", "migrations", "web")
# This machine's, like the one that a phone nearby would use: not the one that services keep to
# which are for this machine alone.
OTHER_ADDRESS = "127.0.0.2"
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
        wait_until("the caution", lambda: running.has_said(KNOWS))
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


def is_open(address: str, url: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, int(url.rpartition(":")[2]))) == 0


def test_a_phone_gets_the_page_and_neither_metrics_nor_administration(
    tmp_path: Path, sample_photo: Path
) -> None:
    here, home = OTHER_ADDRESS, tmp_path / "home"
    environment = {"SHOPSIGHT_HOME": str(home)}
    with shopsight_run(tmp_path, "--bind", "0.0.0.0", **environment) as stack:
        page = f"http://{here}:{stack.port}"
        assert "<title>" in httpx.get(page).text
        headers = {"origin": page, "host": f"{here}:{stack.port}"}
        body = chat("What is it?")
        assert text_of(post(page, body, **headers))
        (line,) = (line for line in stack.said if line.startswith("Metrics: "))
        metrics = line.split()[1].removesuffix("/metrics")
        admin = (home / "administration.url").read_text()
        assert "gateway_requests_total" in httpx.get(f"{metrics}/metrics").text
        assert httpx.get(f"{admin}/admin/weights").status_code == 401, "others of this machine"
        for url in (metrics, admin):
            assert is_open("127.0.0.1", url)
            assert not is_open(here, url)
        # What ops do is one command, without a port or a token to look for.
        told = cli(tmp_path, "admin", "weights", **environment)
        assert (told.returncode, '"models"' in told.stdout) == (0, True), told.stderr
        assert text_of(ask(stack, sample_photo))
        erased = cli(tmp_path, "admin", "erase", "public", "nobody", **environment)
        assert '"interactions": 0' in erased.stdout
    assert not (home / "administration.url").exists()
    left = cli(tmp_path, "admin", "weights", **environment)
    assert left.returncode == 1
    assert "does not answer" in left.stderr
