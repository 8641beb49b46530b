"""The house rules a reader relies on: who imports whom, where torch lives, how long files are."""

import ast
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGES = ("contract", "gateway", "inference")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
MAX_LINES = 250
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "base"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports anywhere, TYPE_CHECKING blocks left out."""
    tree = ast.parse(path.read_text())
    hidden = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def tops(path: Path) -> set[str]:
    return {module.split(".")[0] for module in imported(path)}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_run_downward_only(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    forbidden = set(PACKAGES) - {package, "contract"}
    assert not tops(path) & (forbidden | {"tests", "migrations", "loadtest"})


@pytest.mark.parametrize("path", FILES, ids=name)
def test_torch_lives_in_one_folder_of_the_service(path: Path) -> None:
    if path.is_relative_to(ROOT / "inference/model") or "demo_model" in path.parts:
        return
    assert not tops(path) & {"torch", "transformers", "tokenizers", "safetensors", "llguidance"}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(ast.parse(text))
    assert path.stem not in VAGUE_NAMES


def test_within_the_gateway_routes_stand_above_answering_above_the_rest() -> None:
    above = {"gateway.app", "gateway.api.routes", "gateway.usecases.answer", "gateway.cli"}
    for path in FILES:
        parts = path.relative_to(ROOT).parts
        if parts[0] == "gateway" and len(parts) > 2 and parts[1] != "cli":
            assert not imported(path) & above, name(path)
    assert not imported(ROOT / "gateway/usecases/answer.py") & {"gateway.app", "gateway.api.routes"}


@pytest.mark.parametrize(
    "path",
    [
        ROOT / "gateway/cache/key.py",
        ROOT / "gateway/pool/balancer.py",
        ROOT / "gateway/moderation/text.py",
    ],
    ids=name,
)
def test_decisions_do_no_io(path: Path) -> None:
    assert not tops(path) & {"asyncio", "httpx", "redis", "sqlalchemy", "socket", "fastapi"}


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_settings_are_read_at_import(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            calls = [call for call in ast.walk(node.value) if isinstance(call, ast.Call)]
            names = {ast.unparse(call.func) for call in calls}
            assert not names & {"Settings", "os.environ.get", "os.getenv", "FastAPI"}


def test_the_gateway_has_one_way_to_speak_http() -> None:
    outside = [path for path in FILES if "gateway" in path.parts and "cli" not in path.parts]
    assert not [name(path) for path in outside if tops(path) & {"httpx", "requests", "aiohttp"}]
