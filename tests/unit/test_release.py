"""What keeps a version from being released by `make release`, and the workflows' form."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
NEEDED = ["bin/release", "pyproject.toml", "CHANGELOG.md", "docker-compose.yml"]
NEEDED += [f"{name}/Dockerfile" for name in ("gateway", "inference", "nginx")]
NEEDED += ["deploy/kubernetes/base/kustomization.yaml"]


def git(folder: Path, *command: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *command], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Of what is released, as 0.1.0 of the first of May."""
    for name in NEEDED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text(changes.read_text().replace("0.1.0 – unreleased", "0.1.0 – 2027-05-01"))
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "all")
    return tmp_path


def release(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "bin/release", *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_a_version_that_is_ready_is_told_what_to_do(project: Path) -> None:
    done = release(project, "0.1.0")
    assert done.returncode == 0, done.stderr
    for image in ("gateway:v0.1.0 ", "nginx:v0.1.0 ", "inference:v0.1.0-demo "):
        assert f"-t shopsight/{image}" in done.stdout
    assert "git tag -a v0.1.0" in done.stdout
    assert release(project, "0.1.0", "--tagged").returncode == 1
    git(project, "tag", "v0.1.0")
    assert release(project, "0.1.0", "--tagged").returncode == 0
    assert "is a tag already" in release(project, "0.1.0").stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"', "pyproject.toml says 0.2.0"),
        ("CHANGELOG.md", "2027-05-01", "unreleased", "says unreleased"),
        ("CHANGELOG.md", "## 0.1.0", "## 0.0.9", "no section"),
        ("docker-compose.yml", "{TAG:-v0.1.0}", "{TAG:-v0.0.9}", "docker-compose.yml names 0.0.9"),
        ("nginx/Dockerfile", "v0.1.0", "latest", "nginx/Dockerfile names no version"),
    ],
)
def test_what_is_not_ready_is_named(
    project: Path, file: str, old: str, new: str, told: str
) -> None:
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new))
    git(project, "commit", "-qam", "changed")
    done = release(project, "0.1.0")
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stdout == ""


def test_what_is_not_committed_is_not_released(project: Path) -> None:
    (project / "more").write_text("")
    assert "not committed" in release(project, "0.1.0").stderr
    assert "no version" in release(project, "one").stderr


def test_actionlint_has_nothing_to_say_about_the_workflows(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("actionlint")
    command = [str(program), "-no-color", *map(str, WORKFLOWS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    done = subprocess.run([str(program), str(wrong)], capture_output=True, text=True, check=False)
    assert done.returncode == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_says_that_it_never_ran_and_has_few_rights(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# NEVER RUN")
    whole = yaml.safe_load(text)
    assert whole["permissions"] in ({"contents": "read"}, {})
    assert all("timeout-minutes" in job for job in whole["jobs"].values())
